// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import Proton
import ProtonUtilities

/// The messages of a queue, its competing consumers and its producers, without input or output.
///
/// Each change returns its effects: consumers to wake, credit to give, changes for the store. Every change ends in `dispatch`, so
/// that no change can miss to give messages to consumers. Messages leave in the order of priority and arrival, one to each
/// consumer with room in turn. A returned message gets its old place, so that the order is kept as far as competing consumers
/// allow.
struct QueueState {
    var settings: QueueSettings
    let clock: QueueClock
    /// The waiting messages.
    var messages = MessageList()
    /// Messages that expire or are delayed, and their times.
    var times = QueueTimes()
    /// How many messages count for the limits: waiting, ready and unsettled ones, and reservations of transactions.
    var heldMessages = 0
    /// Their memory, in bytes.
    var heldBytes = 0
    /// How many messages have arrived.
    private(set) var arrivals: UInt64 = 0
    /// How many messages have left for good.
    private(set) var departures: UInt64 = 0

    // Consumers.
    var consumers: [ConsumerState] = []
    var freeConsumers: [ConsumerID] = []
    /// The consumers with room, in the order of their turns, except those for which no waiting message matches.
    var line = Deque<ConsumerID>()
    /// The consumers that do not take every message.
    var selective: [ConsumerID] = []

    // Producers.
    var producers: [ProducerState] = []
    var freeProducers: [ProducerID] = []
    /// The producers that wait for room, in order.
    var waiting = Deque<ProducerID>()
    /// How many messages producers have credit for.
    var promisedMessages = 0
    /// The room that is reserved for them, in bytes.
    var promisedBytes = 0
    /// When producers are asked to return unused credit, by the queue's clock.
    var returnTime: Int64?

    // Conditions outside of the queue; set by the queue before each change.
    /// Whether all queues together have room for more.
    var brokerHasRoom = true
    /// Whether the store cannot be written now.
    var isStoreFailing = false

    var isDeleted = false
    /// Whether the store contains the queue.
    var isStored: Bool
    /// When the queue is called because time has passed.
    var wakeTime: Int64?

    /// - Parameter isStored: whether the store contains the queue already.
    init(_ settings: QueueSettings, clock: QueueClock, isStored: Bool = false) {
        self.settings = settings
        self.clock = clock
        self.isStored = isStored
    }

    /// How many messages wait to be sent, including delayed ones.
    var waitingCount: Int {
        messages.count + times.delayedCount + consumers.reduce(0) { $0 + ($1.isBrowser ? 0 : $1.ready.count) }
    }

    // MARK: Incoming messages

    /// Adds a message at the end, if there is room.
    /// - Parameter producer: the producer; nil for one that has no credit here, such as the anonymous relay.
    /// - Returns: the reason for a refusal, or nil, and the credit for the producer.
    mutating func receive(
        _ bytes: [UInt8], _ prefix: MessagePrefix, from producer: ProducerID?, _ effects: inout QueueEffects
    ) -> (refusal: QueueRefusal?, grant: Int) {
        let size = bytes.count + QueuedMessage.overhead
        let refusal = admit(size, isDurable: prefix.isDurable, from: producer, &effects)
        if refusal == nil {
            insertNew(bytes, prefix, &effects)
            dispatch(&effects)
        }
        return (refusal, producer.map { use($0, size: size, &effects) } ?? 0)
    }

    /// Reserves room for a message, as for a transaction that has not ended.
    mutating func reserve(
        _ bytes: [UInt8], from producer: ProducerID?, _ effects: inout QueueEffects
    ) -> (refusal: QueueRefusal?, grant: Int) {
        let size = bytes.count + QueuedMessage.overhead
        let refusal = admit(size, isDurable: MessagePrefix(bytes).isDurable, from: producer, &effects)
        return (refusal, producer.map { use($0, size: size, &effects) } ?? 0)
    }

    /// Adds a dead letter of another queue, even if senders would have to wait.
    /// - Parameter removal: the change that the store has to write with it, for the queue that it comes from.
    mutating func receiveDeadLetter(
        _ bytes: [UInt8], removal: StoreChange?, _ effects: inout QueueEffects
    ) -> QueueRefusal? {
        if let removal { effects.persist(removal) }
        if isDeleted { return .deleted }
        let isForced = settings.limits.policy == .withholdCredit
        if !isForced {
            let size = bytes.count + QueuedMessage.overhead
            if let refusal = admit(size, isDurable: false, from: nil, &effects) { return refusal }
        } else {
            heldMessages += 1
            heldBytes += bytes.count + QueuedMessage.overhead
        }
        insertNew(bytes, MessagePrefix(bytes), &effects)
        dispatch(&effects)
        return nil
    }

    /// Releases the room that was reserved for a message.
    mutating func unreserve(_ bytes: [UInt8], _ effects: inout QueueEffects) {
        remove(bytes.count + QueuedMessage.overhead)
        resumeProducers(&effects)
    }

    /// Adds a message for which room was reserved.
    mutating func receiveReserved(_ bytes: [UInt8], _ effects: inout QueueEffects) {
        if isDeleted { return unreserve(bytes, &effects) }
        insertNew(bytes, MessagePrefix(bytes), &effects)
        dispatch(&effects)
    }

    /// Gives a place to a message for which room was reserved, without inserting it: `insertPrepared` does that.
    mutating func prepare(_ bytes: [UInt8], _ effects: inout QueueEffects) -> PreparedMessage {
        let prefix = MessagePrefix(bytes)
        return PreparedMessage(message: newMessage(bytes, prefix, &effects), prefix: prefix)
    }

    /// Inserts a prepared message.
    mutating func insertPrepared(_ prepared: PreparedMessage, _ effects: inout QueueEffects) {
        if isDeleted { return remove(prepared.message.memory) }
        insertNew(prepared.message, prepared.prefix, age: 0, &effects)
        dispatch(&effects)
    }

    /// Restores a message from a store, at its place.
    mutating func restore(_ stored: StoredMessage, _ effects: inout QueueEffects) {
        let message = QueuedMessage(stored)
        heldMessages += 1
        heldBytes += message.memory
        arrivals = max(arrivals, message.position + 1)
        // The time in a file may have any value.
        let (age, isOverflow) = clock.timeOfDay.subtractingReportingOverflow(stored.arrival.milliseconds)
        let boundedAge = isOverflow ? QueueState.longestTime : min(max(0, age), QueueState.longestTime)
        insertNew(message, MessagePrefix(message.bytes), age: boundedAge, &effects)
        dispatch(&effects)
    }

    /// - Returns: the reason for a refusal; nil if room is now reserved for the message.
    private mutating func admit(
        _ size: Int, isDurable: Bool, from producer: ProducerID?, _ effects: inout QueueEffects
    ) -> QueueRefusal? {
        if isDeleted { return .deleted }
        if !brokerHasRoom { return .brokerFull }
        if isStoreFailing, isDurable, settings.isDurable { return .storeFailing }
        switch settings.limits.policy {
        case .withholdCredit:
            // Room is reserved for promised credit.
            let isPromised = producer.map { producers[$0.index].credit > 0 } ?? false
            guard isPromised || hasUnpromisedRoom else { return .queueFull }
        case .reject: guard isBelowLimits else { return .queueFull }
        case .dropOldest: guard makeRoom(&effects) else { return .queueFull }
        }
        heldMessages += 1
        heldBytes += size
        return nil
    }

    private var isBelowLimits: Bool {
        heldMessages < settings.limits.messages && heldBytes < settings.limits.bytes
    }

    private var hasUnpromisedRoom: Bool {
        heldMessages + promisedMessages < settings.limits.messages && heldBytes + promisedBytes < settings.limits.bytes
    }

    private mutating func makeRoom(_ effects: inout QueueEffects) -> Bool {
        guard !isBelowLimits else { return true }
        // The consumers' messages alone may exceed the limit: then no message is dropped in vain.
        guard let count = countToDrop else { return false }
        for _ in 0..<count { if let oldest = messages.popFirst() { discard(oldest, .limit, &effects) } }
        return true
    }

    /// How many waiting messages have to be dropped to make room; nil if all of them are not enough.
    private var countToDrop: Int? {
        var (count, bytes) = (0, 0)
        var index = messages.index(from: 0)
        while heldMessages - count >= settings.limits.messages || heldBytes - bytes >= settings.limits.bytes {
            guard messages.contains(index) else { return nil }
            count += 1
            bytes += messages[index].memory
            index = messages.index(after: index)
        }
        return count
    }

    private mutating func insertNew(_ bytes: [UInt8], _ prefix: MessagePrefix, _ effects: inout QueueEffects) {
        insertNew(newMessage(bytes, prefix, &effects), prefix, age: 0, &effects)
    }

    /// Creates a message with the next place, and adds it to the store if it has to be kept.
    private mutating func newMessage(
        _ bytes: [UInt8], _ prefix: MessagePrefix, _ effects: inout QueueEffects
    ) -> QueuedMessage {
        var message = QueuedMessage(bytes: bytes, priority: prefix.priority, position: arrivals)
        arrivals += 1
        if settings.isDurable, prefix.isDurable, !isDeleted {
            message.isStored = true
            store(&effects)
            effects.persist(
                .add(
                    StoredMessage(
                        queue: settings.storeID, place: message.place,
                        arrival: Timestamp(milliseconds: clock.timeOfDay), bytes: bytes)))
        }
        return message
    }

    /// - Parameter age: how long ago the message arrived, in milliseconds.
    private mutating func insertNew(
        _ message: consuming QueuedMessage, _ prefix: MessagePrefix, age: Int64, _ effects: inout QueueEffects
    ) {
        if prefix.timeToLive != nil || prefix.expiryTime != nil {
            let before = message.memory
            message.extras = QueuedMessage.Extras(
                annotations: message.extras?.annotations ?? Annotations(),
                expiry: expiry(message.bytes, prefix, age: age))
            heldBytes += message.memory - before
        }
        if prefix.mayHaveAnnotations, let time = DeliveryTime(message.bytes) {
            let delay = delay(until: time, age: age)
            if delay > 0 { return times.delay(message, until: clock.now + delay, in: messages) }
        }
        insert(message, isBack: false, &effects)
    }

    /// Adds the queue to the store, which then keeps it even while it is empty.
    mutating func store(_ effects: inout QueueEffects) {
        guard settings.isDurable, !isStored, !isDeleted else { return }
        isStored = true
        effects.persist(.makeQueue(stored))
    }

    // MARK: Inserting and dispatching

    /// Inserts a message at its place, for all consumers that may take it.
    mutating func insert(_ message: consuming QueuedMessage, isBack: Bool, _ effects: inout QueueEffects) {
        let (place, expiry) = (message.place, message.expiry)
        // The fast path for most messages: a consumer waits. Returned and delayed messages may not be alone: they are dispatched
        // when all of them are inserted.
        if !isBack, messages.isEmpty, selective.isEmpty, times.isEmpty, expiry == nil, let id = nextInLine() {
            return give(message, to: id, &effects)
        }
        messages.insert(message)
        if let expiry { times.addExpiry(place, at: expiry, in: messages) }
        for id in selective {
            // A browser may have seen a returned message.
            if !(isBack && consumers[id.index].isBrowser) { consumers[id.index].selection?.note(place) }
            enterLine(id)
        }
    }

    /// Gives messages to consumers until there are no more messages or no more room.
    mutating func dispatch(_ effects: inout QueueEffects) {
        if !times.isEmpty { lookAtTime(&effects) }
        if !messages.isEmpty { distribute(&effects) }
    }

    private mutating func distribute(_ effects: inout QueueEffects) {
        var budget = QueueState.searchBudget
        while !messages.isEmpty, let id = line.popFirst() {
            switch consumers[id.index].beginTurn() {
            case .cannotTake: continue
            case .takesAny:
                if line.isEmpty {
                    note(consumers[id.index].fill(from: &messages), id, &effects)
                } else if let message = messages.popFirst() {
                    give(message, to: id, &effects)
                }
            case .selects: search(for: id, &budget, &effects)
            }
        }
    }

    private mutating func search(for id: ConsumerID, _ budget: inout Int, _ effects: inout QueueEffects) {
        switch consumers[id.index].selection?.search(&messages, budget: &budget, memory: &heldBytes) {
        case .found(let message): give(message, to: id, &effects)
        case .interrupted:
            consumers[id.index].turn = .searching
            effects.edit { $0.searching.append(id) }
        case .exhausted, nil:
            // A drain can be answered now.
            if consumers[id.index].isDraining { wake(id, &effects) }
        }
        let oversized = consumers[id.index].selection?.takeOversized() ?? 0
        if oversized > 0 { effects.edit { $0.oversized += oversized } }
    }

    /// How many messages are examined for consumers with a selection before other work: some milliseconds.
    private static let searchBudget = 2_000

    /// Removes the next consumer from the line that takes every message.
    private mutating func nextInLine() -> ConsumerID? {
        while let id = line.popFirst() { if case .takesAny = consumers[id.index].beginTurn() { return id } }
        return nil
    }

    /// Makes a message ready for a consumer in its turn.
    private mutating func give(_ message: consuming QueuedMessage, to id: ConsumerID, _ effects: inout QueueEffects) {
        note(consumers[id.index].give(message), id, &effects)
    }

    private mutating func note(
        _ turn: (wakes: Bool, standsInLine: Bool), _ id: ConsumerID, _ effects: inout QueueEffects
    ) {
        if turn.wakes { effects.wake(id) }
        if turn.standsInLine { line.append(id) }
    }

    mutating func wake(_ id: ConsumerID, _ effects: inout QueueEffects) {
        if consumers[id.index].wake() { effects.wake(id) }
    }

    mutating func enterLine(_ id: ConsumerID) {
        if consumers[id.index].enterLine() { line.append(id) }
    }

    // MARK: Outgoing messages

    /// Frees the room of a message that has left for good.
    mutating func remove(_ memory: Int) {
        heldMessages -= 1
        heldBytes -= memory
    }

    /// Ends a message, and removes it from the store.
    mutating func end(_ message: QueuedMessage, _ effects: inout QueueEffects) {
        remove(message.memory)
        departures += 1
        if message.isStored, !isDeleted {
            effects.persist(.remove(queue: settings.storeID, place: message.place))
        }
    }

    /// Ends an accepted message that no consumer gets.
    mutating func discard(_ message: QueuedMessage, _ reason: QueueEffects.DropReason, _ effects: inout QueueEffects) {
        end(message, &effects)
        effects.drop(reason)
    }

    /// Ends a message that goes to the dead-letter queue, if there is one.
    mutating func deadLetter(_ message: QueuedMessage, _ reason: DeadLetterReason, _ effects: inout QueueEffects) {
        let isWanted = if case .expired = reason { settings.deadLettersExpired } else { true }
        guard settings.hasDeadLetterAddress, isWanted, !isDeleted else {
            return discard(message, reason.dropReason, &effects)
        }
        remove(message.memory)
        departures += 1
        effects.edit { $0.deadLetters.append((message, reason)) }
    }

    /// Returns a message that a consumer had, or drops it if its queue is deleted.
    mutating func putBack(_ message: QueuedMessage, _ effects: inout QueueEffects) {
        if isDeleted { return end(message, &effects) }
        if let expiry = message.expiry, expiry <= clock.now { return deadLetter(message, .expired, &effects) }
        insert(message, isBack: true, &effects)
    }

    /// The queue for the store.
    var stored: StoredQueue {
        StoredQueue(id: settings.storeID, address: settings.address, details: settings.details)
    }
}

/// Why a queue does not take a message.
enum QueueRefusal: Hashable, Sendable {
    case queueFull, brokerFull, storeFailing, deleted
}

/// A message of a transaction that is about to be committed: it has its place, and is not inserted yet.
struct PreparedMessage {
    let message: QueuedMessage
    let prefix: MessagePrefix
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import Proton
import ProtonUtilities

/// The messages of a queue, the consumers that compete for them and the producers that bring them, without input or output.
///
/// Each change returns in its effects what is to be done: whom to wake, whom to give credit, what to write to the store.
/// No change can forget to give messages to consumers that may have them: all end in `dispatch`. Messages leave in the
/// order of priority and arrival, one to each consumer with room in turn. One that comes back takes its old place, so that
/// order is kept as far as competing consumers allow.
struct QueueState {
    var settings: QueueSettings
    let clock: QueueClock
    /// The messages that wait.
    var messages = MessageList()
    /// Messages that expire or are held back, and when.
    var times = QueueTimes()
    /// How many messages the queue answers for: those that wait, are ready or not settled, and the room of transactions.
    var heldMessages = 0
    /// What these take in memory, in bytes.
    var heldBytes = 0
    /// How many messages have come.
    private(set) var arrivals: UInt64 = 0
    /// How many messages have left for good.
    private(set) var departures: UInt64 = 0

    // Consumers.
    var consumers: [ConsumerState] = []
    var freeConsumers: [ConsumerID] = []
    /// The consumers with room, in the order of their turns; those that want nothing of what is there are not in it.
    var line = Deque<ConsumerID>()
    /// The consumers that do not take any message.
    var selective: [ConsumerID] = []

    // Producers.
    var producers: [ProducerState] = []
    var freeProducers: [ProducerID] = []
    /// The producers that wait for room, the first come first.
    var waiting = Deque<ProducerID>()
    /// How many messages producers have credit for.
    var promisedMessages = 0
    /// The room that is kept for these, in bytes.
    var promisedBytes = 0
    /// When producers are asked to give back credit that they do not use, by the queue's clock.
    var returnTime: Int64?

    // What the broker's other parts say; set by the queue before each change.
    /// Whether all queues together have room for more.
    var brokerHasRoom = true
    /// Whether the store cannot be written now.
    var isStoreFailing = false

    var isDeleted = false
    /// Whether the store knows the queue.
    var isStored: Bool
    /// When the queue is told that time has passed.
    var wakeTime: Int64?

    /// - Parameter isStored: whether the store knows the queue already.
    init(_ settings: QueueSettings, clock: QueueClock, isStored: Bool = false) {
        self.settings = settings
        self.clock = clock
        self.isStored = isStored
    }

    /// How many messages wait to be sent, those included that are not to be delivered yet.
    var waitingCount: Int {
        messages.count + times.delayedCount + consumers.reduce(0) { $0 + ($1.isBrowser ? 0 : $1.ready.count) }
    }

    // MARK: Messages in

    /// Takes a message at the end, where there is room.
    /// - Parameter producer: who brought it; nil for one that has no credit here, such as the anonymous relay.
    /// - Returns: why it is not taken, or nil, and how much credit the producer gets.
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

    /// Keeps room for a message, as of a transaction that has not ended.
    mutating func reserve(
        _ bytes: [UInt8], from producer: ProducerID?, _ effects: inout QueueEffects
    ) -> (refusal: QueueRefusal?, grant: Int) {
        let size = bytes.count + QueuedMessage.overhead
        let refusal = admit(size, isDurable: MessagePrefix(bytes).isDurable, from: producer, &effects)
        return (refusal, producer.map { use($0, size: size, &effects) } ?? 0)
    }

    /// Takes a message that cannot be delivered elsewhere, also where senders would have to wait.
    /// - Parameter removal: what the store has to write with it, of the queue that it comes from.
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

    /// Gives up the room that was kept for a message.
    mutating func unreserve(_ bytes: [UInt8], _ effects: inout QueueEffects) {
        remove(bytes.count + QueuedMessage.overhead)
        relieve(&effects)
    }

    /// Takes a message that room was kept for.
    mutating func receiveReserved(_ bytes: [UInt8], _ effects: inout QueueEffects) {
        if isDeleted { return unreserve(bytes, &effects) }
        insertNew(bytes, MessagePrefix(bytes), &effects)
        dispatch(&effects)
    }

    /// Gives a place to a message that room was kept for, without letting it in: `insertPrepared` does that.
    mutating func prepare(_ bytes: [UInt8], _ effects: inout QueueEffects) -> PreparedMessage {
        let prefix = MessagePrefix(bytes)
        return PreparedMessage(message: newMessage(bytes, prefix, &effects), prefix: prefix)
    }

    /// Lets a prepared message in.
    mutating func insertPrepared(_ prepared: PreparedMessage, _ effects: inout QueueEffects) {
        if isDeleted { return remove(prepared.message.memory) }
        insertNew(prepared.message, prepared.prefix, age: 0, &effects)
        dispatch(&effects)
    }

    /// Puts a message back that a store has kept, at the place that it had.
    mutating func restore(_ stored: StoredMessage, _ effects: inout QueueEffects) {
        let message = QueuedMessage(stored)
        heldMessages += 1
        heldBytes += message.memory
        arrivals = max(arrivals, message.position + 1)
        // A file may say anything of when that was.
        let (age, isOverflow) = clock.timeOfDay.subtractingReportingOverflow(stored.arrival.milliseconds)
        let boundedAge = isOverflow ? QueueState.longestTime : min(max(0, age), QueueState.longestTime)
        insertNew(message, MessagePrefix(message.bytes), age: boundedAge, &effects)
        dispatch(&effects)
    }

    /// - Returns: why a message is not taken; nil where room is kept for it from now on.
    private mutating func admit(
        _ size: Int, isDurable: Bool, from producer: ProducerID?, _ effects: inout QueueEffects
    ) -> QueueRefusal? {
        if isDeleted { return .deleted }
        if !brokerHasRoom { return .brokerFull }
        if isStoreFailing, isDurable, settings.isDurable { return .storeFailing }
        switch settings.limits.policy {
        case .withholdCredit:
            // Room is kept for what was promised.
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
        // What consumers have may be too much by itself: nothing is lost for nothing.
        guard let count = countInTheWay else { return false }
        for _ in 0..<count { if let oldest = messages.popFirst() { discard(oldest, .limit, &effects) } }
        return true
    }

    /// How many of the messages that wait have to go to make room; nil where all of them are not enough.
    private var countInTheWay: Int? {
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

    /// A message with the next place, of which the store is told where it keeps it.
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

    /// - Parameter age: how long ago the message came, in milliseconds.
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

    /// Has the store know the queue, also while it is empty.
    mutating func store(_ effects: inout QueueEffects) {
        guard settings.isDurable, !isStored, !isDeleted else { return }
        isStored = true
        effects.persist(.makeQueue(stored))
    }

    // MARK: Messages in their places

    /// Puts a message in its place, for all who may want it.
    mutating func insert(_ message: consuming QueuedMessage, isBack: Bool, _ effects: inout QueueEffects) {
        let (place, expiry) = (message.place, message.expiry)
        // The short way of most messages: somebody waits for it. What comes back or was held back may not be alone: it is
        // given once all of it is in its place.
        if !isBack, messages.isEmpty, selective.isEmpty, times.isEmpty, expiry == nil, let id = nextInLine() {
            return give(message, to: id, &effects)
        }
        messages.insert(message)
        if let expiry { times.addExpiry(place, at: expiry, in: messages) }
        for id in selective {
            // A browser may have seen what comes back.
            if !(isBack && consumers[id.index].isBrowser) { consumers[id.index].selection?.note(place) }
            enterLine(id)
        }
    }

    /// Gives messages to consumers until one of the two runs out.
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

    /// How many messages are looked at for consumers with a selection before others have their turn: some milliseconds.
    private static let searchBudget = 2_000

    /// Takes the next consumer out of the line that takes any message.
    private mutating func nextInLine() -> ConsumerID? {
        while let id = line.popFirst() { if case .takesAny = consumers[id.index].beginTurn() { return id } }
        return nil
    }

    /// Makes a message ready for a consumer, whose turn it is.
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

    // MARK: Messages out

    /// A message has left for good: its room is free.
    mutating func remove(_ memory: Int) {
        heldMessages -= 1
        heldBytes -= memory
    }

    /// Ends a message, which the store forgets.
    mutating func end(_ message: QueuedMessage, _ effects: inout QueueEffects) {
        remove(message.memory)
        departures += 1
        if message.isStored, !isDeleted {
            effects.persist(.remove(queue: settings.storeID, place: message.place))
        }
    }

    /// Ends a message that was accepted and that nobody gets.
    mutating func discard(_ message: QueuedMessage, _ reason: QueueEffects.DropReason, _ effects: inout QueueEffects) {
        end(message, &effects)
        effects.drop(reason)
    }

    /// Ends a message here that goes to the dead-letter queue, if there is one.
    mutating func deadLetter(_ message: QueuedMessage, _ reason: DeadLetterReason, _ effects: inout QueueEffects) {
        let isWanted = if case .expired = reason { settings.deadLettersExpired } else { true }
        guard settings.hasDeadLetterAddress, isWanted, !isDeleted else {
            return discard(message, reason.dropReason, &effects)
        }
        remove(message.memory)
        departures += 1
        effects.edit { $0.deadLetters.append((message, reason)) }
    }

    /// Puts a message back that a consumer had, or drops it where its queue is gone.
    mutating func putBack(_ message: QueuedMessage, _ effects: inout QueueEffects) {
        if isDeleted { return end(message, &effects) }
        if let expiry = message.expiry, expiry <= clock.now { return deadLetter(message, .expired, &effects) }
        insert(message, isBack: true, &effects)
    }

    /// The queue, as the store has it.
    var stored: StoredQueue {
        StoredQueue(id: settings.storeID, address: settings.address, details: settings.details)
    }
}

/// Why a queue does not take a message.
enum QueueRefusal: Hashable, Sendable {
    case queueFull, brokerFull, storeFailing, deleted
}

/// A message of a transaction that is about to be committed: it has its place, and is not in it yet.
struct PreparedMessage {
    let message: QueuedMessage
    let prefix: MessagePrefix
}

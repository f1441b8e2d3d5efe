// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities
import Synchronization

/// A queue of the broker: its state under a lock, and the execution of the state's effects.
///
/// Each of the broker's threads may call it. The lock is never held while a link, another queue or a log is used.
final class Queue: Sendable {
    /// The purpose of a queue.
    enum Kind: Sendable {
        /// It has a name that all peers may attach to, or, if it is exclusive, one consumer at a time.
        case named(isExclusive: Bool)
        /// It is deleted with the link for which it was created, on a connection.
        case dynamic(maker: ObjectIdentifier)
        /// It contains the messages of one subscription to topics.
        case subscription(Subscription)
    }

    private struct Guarded {
        var state: QueueState
        var consumers: [ConsumerLink?] = []
        var producers: [ProducerLink?] = []
        /// How much of the state's memory is counted in the broker's budget.
        var countedBytes = 0
        var isDeleted = false
    }

    /// The settings with which the queue was created.
    let settings: QueueSettings
    let kind: Kind
    private let context: BrokerContext
    // From the context: access through the context would count a reference to them for each message, which all threads write to.
    private let memory: MemoryBudget
    private let changes: Changes
    private let guarded: Mutex<Guarded>

    /// - Parameter isStored: whether the store contains the queue already.
    init(_ settings: QueueSettings, kind: Kind, context: BrokerContext, isStored: Bool = false) {
        self.settings = settings
        self.kind = kind
        self.context = context
        (memory, changes) = (context.memory, context.changes)
        guarded = Mutex(Guarded(state: QueueState(settings, clock: context.clock, isStored: isStored)))
    }

    deinit {
        guarded.withLock { guarded in
            _ = memory.add(-guarded.countedBytes)
            context.received.wrappingAdd(guarded.state.arrivals, ordering: .relaxed)
            context.removed.wrappingAdd(guarded.state.departures, ordering: .relaxed)
        }
    }

    var address: String { settings.address }

    /// The time of the queues' clock, in milliseconds.
    var now: Int64 { context.clock.now }

    /// The subscription of the queue; nil if it has none.
    var subscription: Subscription? {
        if case .subscription(let subscription) = kind { subscription } else { nil }
    }

    // MARK: Changing the state

    /// Changes the state, and executes its effects.
    /// - Returns: the result of `body`, and the sequence number of the group that the store has to write for it; 0 for none.
    @discardableResult @inline(__always)
    private func change<Result>(
        _ body: (inout QueueState, inout QueueEffects) -> Result
    ) -> (result: Result, sequence: UInt64) {
        let (result, sequence, woken, tasks, relieved) = guarded.withLock { guarded in
            var effects = QueueEffects()
            guarded.state.brokerHasRoom = memory.hasRoom
            if settings.isDurable { guarded.state.isStoreFailing = context.store?.isFailing ?? false }
            let result = body(&guarded.state, &effects)
            var sequence: UInt64 = 0
            var tasks: QueueTasks?
            if let more = effects.more {
                sequence = write(more.changes)
                tasks = QueueTasks(more, consumers: guarded.consumers, producers: guarded.producers)
            }
            let relieved = count(&guarded)
            return (result, sequence, effects.woken.flatMap { guarded.consumers[$0.index] }, tasks, relieved)
        }
        woken?.wake()
        tasks?.run(for: self, in: context)
        for queue in relieved { queue.resumeProducers() }
        changes.note()
        return (result, sequence)
    }

    private func write(_ changes: [StoreChange]) -> UInt64 {
        guard !changes.isEmpty, let store = context.store else { return 0 }
        return store.write(changes)
    }

    /// Counts the memory of the messages in the broker's budget.
    /// - Returns: queues that have waited for memory.
    private func count(_ guarded: inout Guarded) -> [Queue] {
        let difference = guarded.state.heldBytes - guarded.countedBytes
        guard difference != 0 else { return [] }
        guarded.countedBytes = guarded.state.heldBytes
        return memory.add(difference)
    }

    /// There is room in the broker's memory again.
    func resumeProducers() { change { $0.resumeProducers(&$1) } }

    /// Handles messages that have expired, or may be delivered now.
    func advance() { change { $0.advance(&$1) } }

    // MARK: Incoming messages

    /// Adds a message, and sends it if there is a consumer for it.
    /// - Parameters:
    ///   - prefix: the prefix of the message.
    ///   - producer: the producer of the message; nil for one that has no credit here.
    /// - Returns: the credit for the producer, and the sequence number of the group that the store has to write; 0 for none.
    /// - Throws: the reason why it is refused, with the credit that the producer gets nevertheless.
    func receive(
        _ bytes: [UInt8], _ prefix: MessagePrefix, from producer: ProducerID?
    ) throws(MessageError) -> (grant: Int, sequence: UInt64) {
        let (result, sequence) = change { $0.receive(bytes, prefix, from: producer, &$1) }
        if let refusal = result.refusal { throw MessageError(condition(refusal), grant: result.grant) }
        return (result.grant, sequence)
    }

    /// Adds a message of a producer that has no credit here.
    /// - Returns: the sequence number of the group that the store has to write; 0 for none.
    /// - Throws: the reason why it is refused.
    func receive(_ bytes: [UInt8]) throws(MessageError) -> UInt64 {
        try receive(bytes, MessagePrefix(bytes), from: nil).sequence
    }

    /// Reserves room for a message.
    /// - Returns: the credit for the producer.
    /// - Throws: as `receive`.
    func reserve(_ bytes: [UInt8], from producer: ProducerID?) throws(MessageError) -> Int {
        let result = change { $0.reserve(bytes, from: producer, &$1) }.result
        if let refusal = result.refusal { throw MessageError(condition(refusal), grant: result.grant) }
        return result.grant
    }

    /// Notes that a subscriber misses a message of its topic, if the queue's policy is to drop messages.
    /// - Returns: whether it is.
    func noteMissed(_ condition: Condition) -> Bool {
        guard settings.limits.policy == .dropOldest, memory.hasRoom, let subscription else { return false }
        context.limitLog.note(
            .drop, "Its subscriber has as many unsettled messages as it may.", address: subscription.address)
        return true
    }

    /// Releases the room that was reserved for a message.
    func unreserve(_ bytes: [UInt8]) { change { $0.unreserve(bytes, &$1) } }

    /// Adds a message for which room was reserved.
    /// - Returns: the sequence number of the group that the store has to write; 0 for none.
    func receiveReserved(_ bytes: [UInt8]) -> UInt64 { change { $0.receiveReserved(bytes, &$1) }.sequence }

    /// Adds a dead letter of another queue.
    /// - Parameter removal: the change that the store has to write with it.
    /// - Throws: if the queue refuses it; the removal is written nevertheless.
    func receiveDeadLetter(_ bytes: [UInt8], removal: StoreChange?) throws(MessageError) {
        let refusal = change { $0.receiveDeadLetter(bytes, removal: removal, &$1) }.result
        if let refusal { throw MessageError(condition(refusal)) }
    }

    /// Restores a message from the store.
    func restore(_ message: StoredMessage) { change { $0.restore(message, &$1) } }

    private func condition(_ refusal: QueueRefusal) -> Condition {
        switch refusal {
        case .queueFull: Condition(.resourceLimitExceeded, "The queue is full: send again later.")
        case .brokerFull: Condition(.resourceLimitExceeded, "The broker is full: send again later.")
        case .storeFailing:
            Condition(
                .internalError,
                "The broker cannot write to its disk, and takes no durable messages meanwhile: send again later.")
        case .deleted: gone
        }
    }

    /// The condition for a queue that is deleted.
    private var gone: Condition { Condition(.notFound, "There is no node \(address) any more.") }

    // MARK: Transactions

    /// Prepares a message for which room was reserved: it gets a place.
    /// - Returns: the message, and the changes that the store has to write for it.
    func prepare(_ bytes: [UInt8]) -> (PreparedMessage, [StoreChange]) {
        guarded.withLock { guarded in
            var effects = QueueEffects()
            let prepared = guarded.state.prepare(bytes, &effects)
            return (prepared, effects.more?.changes ?? [])
        }
    }

    /// Inserts a prepared message.
    func insert(_ prepared: PreparedMessage) { change { $0.insertPrepared(prepared, &$1) } }

    /// Enlists a message's outcome in a transaction.
    /// - Returns: whether there is such a message, and it is in no transaction.
    func enlist(_ slot: Int, of consumer: ConsumerID) -> Bool {
        guarded.withLock { $0.state.enlist(slot, of: consumer) }
    }

    /// Removes a message from a transaction that is rolled back.
    /// - Parameter outcome: as in `QueueState.delist`.
    func delist(_ slot: Int, of consumer: ConsumerID, _ outcome: Outcome?) {
        change { $0.delist(slot, of: consumer, outcome, &$1) }
    }

    /// The change that the store has to write for an outcome in a transaction, together with the rest of the transaction.
    func change(for slot: Int, of consumer: ConsumerID, _ outcome: Outcome) -> StoreChange? {
        guarded.withLock { $0.state.change(for: slot, of: consumer, outcome) }
    }

    // MARK: Consumers

    /// Adds a consumer.
    /// - Throws: if the queue is exclusive to another consumer, or was just deleted.
    func add(_ link: ConsumerLink, selection: Selection?, maxUnsettled: Int) throws(ConditionError) -> ConsumerID {
        let id = try guarded.withLock { guarded throws(ConditionError) -> ConsumerID in
            if guarded.isDeleted { throw ConditionError(gone) }
            if case .named(isExclusive: true) = kind, selection?.isBrowser != true,
                guarded.consumers.contains(where: { $0?.isBrowser == false })
            {
                throw ConditionError(
                    .resourceLocked, "\(address) is another consumer's alone as long as that is attached.")
            }
            let id = guarded.state.addConsumer(selection: selection, maxUnsettled: maxUnsettled)
            guarded.consumers.set(link, at: id.index)
            return id
        }
        changes.note()
        return id
    }

    /// Removes a consumer whose link is closed.
    /// - Parameter outcome: the outcome of its unsettled messages.
    func remove(_ consumer: ConsumerID, _ outcome: Outcome) {
        // First, since another link may get its number as soon as the state has removed it.
        guarded.withLock { $0.consumers[consumer.index] = nil }
        change { state, effects in state.removeConsumer(consumer, outcome, &effects) }
    }

    /// Sets the credit of a consumer's link: see `QueueState.setCredit`.
    func setCredit(
        _ credit: Int, of consumer: ConsumerID, unsent: [QueueState.Outgoing] = [], isBlocked: Bool, isDraining: Bool
    ) {
        change {
            $0.setCredit(
                credit, of: consumer, unsent: unsent, isBlocked: isBlocked, isDraining: isDraining, &$1)
        }
    }

    /// The next step of a consumer's link.
    /// - Parameter outgoing: receives the messages that are ready for it.
    func next(for consumer: ConsumerID, _ outgoing: inout [QueueState.Outgoing]) -> QueueState.NextStep {
        change { $0.next(for: consumer, &outgoing, &$1) }.result
    }

    /// Handles a message that is too large for a consumer.
    func refuseOversized(_ unsent: QueueState.Outgoing, of consumer: ConsumerID) {
        change { $0.refuseOversized(unsent, of: consumer, &$1) }
    }

    /// Continues the search for a consumer.
    func resumeSearch(for consumer: ConsumerID) { change { $0.resumeSearch(for: consumer, &$1) } }

    /// Settles a message of a consumer with an outcome.
    /// - Returns: the sequence number of the group that the store has to write for that; 0 for none.
    @discardableResult
    func settle(_ slot: Int, of consumer: ConsumerID, _ outcome: Outcome, isStored: Bool = false) -> UInt64 {
        change { $0.settle(slot, of: consumer, outcome, isStored: isStored, &$1) }.sequence
    }

    /// Settles messages of a consumer as accepted.
    func settleAccepted(_ slots: [Int], of consumer: ConsumerID) {
        change { $0.settleAccepted(slots, of: consumer, &$1) }
    }

    // MARK: Producers

    /// Adds a producer.
    /// - Throws: if the queue was just deleted.
    func add(_ link: ProducerLink, maxWindow: Int) throws(ConditionError) -> ProducerID {
        let id = try guarded.withLock { guarded throws(ConditionError) -> ProducerID in
            if guarded.isDeleted { throw ConditionError(gone) }
            let id = guarded.state.addProducer(maxWindow: maxWindow)
            guarded.producers.set(link, at: id.index)
            return id
        }
        changes.note()
        return id
    }

    /// Removes a producer.
    func remove(_ producer: ProducerID) {
        // First, as for a consumer.
        guarded.withLock { $0.producers[producer.index] = nil }
        change { $0.removeProducer(producer, &$1) }
    }

    /// The credit for a producer now; if it is 0, the producer is notified when there is room.
    func grant(_ producer: ProducerID) -> Int { change { $0.grant(producer, &$1) }.result }

    /// Uses a credit of a producer for a message that was aborted, or was not for this queue.
    /// - Returns: the credit for the producer.
    func use(_ producer: ProducerID) -> Int {
        change { $0.use(producer, size: nil, &$1) }.result
    }

    /// Handles credit that a producer has returned.
    func noteReturn(of producer: ProducerID, credit: Int) {
        change { $0.noteReturn(of: producer, credit: credit, &$1) }
    }

    // MARK: Creation and deletion

    /// Whether the queue contains no messages, so that it can be deleted.
    var isEmpty: Bool { guarded.withLock { $0.state.heldMessages == 0 } }

    /// Has the store keep the queue even while it is empty.
    /// - Returns: the sequence number of the group that the store has to write; 0 if it contains the queue.
    func store() -> UInt64 { change { $0.store(&$1) }.sequence }

    /// Takes no more messages, removes the queue from the store, and closes its links.
    /// - Returns: the sequence number of the group that the store has to write; 0 for none.
    /// - Parameter reason: the condition for the peers of its links.
    @discardableResult
    func delete(_ reason: Condition = Queue.deleted) -> UInt64 {
        let links = guarded.withLock { guarded in
            guarded.isDeleted = true
            return (guarded.consumers.compactMap(\.self), guarded.producers.compactMap(\.self))
        }
        let sequence = change { $0.delete(&$1) }.sequence
        memory.stopWaiting(self)
        for link in links.0 { link.closeSinceDeleted(reason) }
        for link in links.1 { link.closeSinceDeleted(reason) }
        return sequence
    }

    /// Whether `delete` was called.
    var isDeleted: Bool { guarded.withLock { $0.isDeleted } }

    /// Removes the waiting messages.
    /// - Returns: the number of messages, and the sequence number of the group that the store has to write; 0 for none.
    func purge() -> (result: Int, sequence: UInt64) { change { $0.purge(&$1) } }

    /// Changes the limits, the redelivery policy and the dead-letter address.
    /// - Parameter details: the details for the store; nil if it keeps none.
    /// - Returns: the sequence number of the group that the store has to write; 0 for none.
    func update(_ settings: QueueSettings, details: [UInt8]?) -> UInt64 {
        change { $0.update(settings, details: details, &$1) }.sequence
    }

    /// The current settings: the limits, the redelivery policy and the dead-letter address may differ from `settings`.
    var currentSettings: QueueSettings { guarded.withLock { $0.state.settings } }

    /// The condition for the peers of a queue that is deleted.
    static var deleted: Condition {
        Condition(.resourceDeleted, "The node is gone with the link that it was made for.")
    }

    var status: QueueStatus {
        guarded.withLock { guarded in
            let (state, waiting) = (guarded.state, guarded.state.waitingCount)
            return QueueStatus(
                address: address, waiting: waiting, unsettled: state.heldMessages - waiting, bytes: state.heldBytes,
                consumers: guarded.consumers.count { $0 != nil }, senders: guarded.producers.count { $0 != nil },
                received: state.arrivals, removed: state.departures)
        }
    }
}

extension [ConsumerLink?] {
    fileprivate mutating func set(_ link: ConsumerLink, at index: Int) {
        if index < count { self[index] = link } else { append(link) }
    }
}

extension [ProducerLink?] {
    fileprivate mutating func set(_ link: ProducerLink, at index: Int) {
        if index < count { self[index] = link } else { append(link) }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities
import Synchronization

/// A queue of the broker: the state under a lock, and the running of what its changes ask for.
///
/// Each of the broker's threads may call it. The lock is never held while a link, another queue or a log is used.
final class Queue: Sendable {
    /// What a queue is for.
    enum Kind: Sendable {
        /// It has a name that anybody may attach to, or one consumer at a time.
        case named(isExclusive: Bool)
        /// It goes with the link that it was made for, on a connection.
        case dynamic(maker: ObjectIdentifier)
        /// It holds what one subscriber has of topics.
        case subscription(Subscription)
    }

    private struct Guarded {
        var state: QueueState
        var consumers: [ConsumerLink?] = []
        var producers: [ProducerLink?] = []
        /// What of the state's memory is counted in the broker's.
        var countedBytes = 0
        var isDeleted = false
    }

    /// What the queue was made with.
    let settings: QueueSettings
    let kind: Kind
    private let context: BrokerContext
    // Of the context's: by way of it, each message would count a reference to them, which all threads write to.
    private let memory: MemoryBudget
    private let changes: Changes
    private let guarded: Mutex<Guarded>

    /// - Parameter isStored: whether the store knows the queue already.
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

    /// The time by the queues' clock, in milliseconds.
    var now: Int64 { context.clock.now }

    /// What the queue's subscriber is subscribed to; nil for a queue that is no subscription.
    var subscription: Subscription? {
        if case .subscription(let subscription) = kind { subscription } else { nil }
    }

    // MARK: Changing the state

    /// Changes the state, and does what that asks for.
    /// - Returns: what `body` returns, and the number of the group that the store has to write for it; 0 for none.
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
        for queue in relieved { queue.relieve() }
        changes.note()
        return (result, sequence)
    }

    private func write(_ changes: [StoreChange]) -> UInt64 {
        guard !changes.isEmpty, let store = context.store else { return 0 }
        return store.write(changes)
    }

    /// Counts what the messages take in the broker's memory.
    /// - Returns: queues that have waited for that.
    private func count(_ guarded: inout Guarded) -> [Queue] {
        let difference = guarded.state.heldBytes - guarded.countedBytes
        guard difference != 0 else { return [] }
        guarded.countedBytes = guarded.state.heldBytes
        return memory.add(difference)
    }

    /// There is room in the broker's memory again.
    func relieve() { change { $0.relieve(&$1) } }

    /// Time has passed: there may be messages to let in, or to drop.
    func advance() { change { $0.advance(&$1) } }

    // MARK: Messages in

    /// Takes a message, and has it sent where it can be.
    /// - Parameters:
    ///   - prefix: what the queue reads of the message.
    ///   - producer: who brought it; nil for one that has no credit here.
    /// - Returns: how much credit the producer gets, and the number of the group that the store has to write; 0 for none.
    /// - Throws: why it is not taken, with the credit that the producer gets all the same.
    func receive(
        _ bytes: [UInt8], _ prefix: MessagePrefix, from producer: ProducerID?
    ) throws(MessageError) -> (grant: Int, sequence: UInt64) {
        let (result, sequence) = change { $0.receive(bytes, prefix, from: producer, &$1) }
        if let refusal = result.refusal { throw MessageError(condition(refusal), grant: result.grant) }
        return (result.grant, sequence)
    }

    /// Takes a message of one that has no credit here.
    /// - Returns: the number of the group that the store has to write; 0 for none.
    /// - Throws: why it is not taken.
    func receive(_ bytes: [UInt8]) throws(MessageError) -> UInt64 {
        try receive(bytes, MessagePrefix(bytes), from: nil).sequence
    }

    /// Keeps room for a message.
    /// - Returns: how much credit the producer gets.
    /// - Throws: as `receive`.
    func reserve(_ bytes: [UInt8], from producer: ProducerID?) throws(MessageError) -> Int {
        let result = change { $0.reserve(bytes, from: producer, &$1) }.result
        if let refusal = result.refusal { throw MessageError(condition(refusal), grant: result.grant) }
        return result.grant
    }

    /// A subscriber misses a message of its topic, where the queue is one that drops messages.
    /// - Returns: whether it is.
    func noteMissed(_ condition: Condition) -> Bool {
        guard settings.limits.policy == .dropOldest, memory.hasRoom, let subscription else { return false }
        context.limitLog.note(
            .drop, "Its subscriber has as many unsettled messages as it may.", address: subscription.address)
        return true
    }

    /// Gives up the room that was kept for a message.
    func unreserve(_ bytes: [UInt8]) { change { $0.unreserve(bytes, &$1) } }

    /// Takes a message that room was kept for.
    /// - Returns: the number of the group that the store has to write; 0 for none.
    func receiveReserved(_ bytes: [UInt8]) -> UInt64 { change { $0.receiveReserved(bytes, &$1) }.sequence }

    /// Takes a message that cannot be delivered elsewhere.
    /// - Parameter removal: what the store has to write with it.
    /// - Throws: where the queue cannot take it; the removal is written all the same.
    func receiveDeadLetter(_ bytes: [UInt8], removal: StoreChange?) throws(MessageError) {
        let refusal = change { $0.receiveDeadLetter(bytes, removal: removal, &$1) }.result
        if let refusal { throw MessageError(condition(refusal)) }
    }

    /// Puts a message back that the store has kept.
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

    /// What is said of a queue that is deleted.
    private var gone: Condition { Condition(.notFound, "There is no node \(address) any more.") }

    // MARK: Transactions

    /// Gives a place to a message that room was kept for.
    /// - Returns: the message, and what the store has to write for it.
    func prepare(_ bytes: [UInt8]) -> (PreparedMessage, [StoreChange]) {
        guarded.withLock { guarded in
            var effects = QueueEffects()
            let prepared = guarded.state.prepare(bytes, &effects)
            return (prepared, effects.more?.changes ?? [])
        }
    }

    /// Lets a prepared message in.
    func insert(_ prepared: PreparedMessage) { change { $0.insertPrepared(prepared, &$1) } }

    /// Leaves a message's outcome to a transaction.
    /// - Returns: whether there is such a message, and no transaction has it.
    func enlist(_ slot: Int, of consumer: ConsumerID) -> Bool {
        guarded.withLock { $0.state.enlist(slot, of: consumer) }
    }

    /// Takes a message out of a transaction that is rolled back.
    /// - Parameter outcome: as `QueueState.delist` has it.
    func delist(_ slot: Int, of consumer: ConsumerID, _ outcome: Outcome?) {
        change { $0.delist(slot, of: consumer, outcome, &$1) }
    }

    /// What the store has to write for an outcome in a transaction, with the rest of that.
    func change(for slot: Int, of consumer: ConsumerID, _ outcome: Outcome) -> StoreChange? {
        guarded.withLock { $0.state.change(for: slot, of: consumer, outcome) }
    }

    // MARK: Consumers

    /// Takes a consumer in.
    /// - Throws: where the queue is another consumer's alone, or just deleted.
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

    /// Takes a consumer away whose link is closed.
    /// - Parameter outcome: what becomes of what it has not settled.
    func remove(_ consumer: ConsumerID, _ outcome: Outcome) {
        // First, since its number is free for another link as soon as the state has let go of it.
        guarded.withLock { $0.consumers[consumer.index] = nil }
        change { state, effects in state.removeConsumer(consumer, outcome, &effects) }
    }

    /// The credit of a consumer's link is another one: see `QueueState.setCredit`.
    func setCredit(
        _ credit: Int, of consumer: ConsumerID, unsent: [QueueState.Outgoing] = [], isBlocked: Bool, isDraining: Bool
    ) {
        change {
            $0.setCredit(
                credit, of: consumer, unsent: unsent, isBlocked: isBlocked, isDraining: isDraining, &$1)
        }
    }

    /// What a consumer's link does next.
    /// - Parameter outgoing: gets the messages that are ready for it.
    func next(for consumer: ConsumerID, _ outgoing: inout [QueueState.Outgoing]) -> QueueState.NextStep {
        change { $0.next(for: consumer, &outgoing, &$1) }.result
    }

    /// A message is too large for a consumer.
    func refuseOversized(_ unsent: QueueState.Outgoing, of consumer: ConsumerID) {
        change { $0.refuseOversized(unsent, of: consumer, &$1) }
    }

    /// Goes on with the search for a consumer.
    func resumeSearch(for consumer: ConsumerID) { change { $0.resumeSearch(for: consumer, &$1) } }

    /// A message that a consumer had has an outcome.
    /// - Returns: the number of the group that the store has to write for that; 0 for none.
    @discardableResult
    func settle(_ slot: Int, of consumer: ConsumerID, _ outcome: Outcome, isStored: Bool = false) -> UInt64 {
        change { $0.settle(slot, of: consumer, outcome, isStored: isStored, &$1) }.sequence
    }

    /// Messages that a consumer had were accepted.
    func settleAccepted(_ slots: [Int], of consumer: ConsumerID) {
        change { $0.settleAccepted(slots, of: consumer, &$1) }
    }

    // MARK: Producers

    /// Takes a producer in.
    /// - Throws: where the queue is just deleted.
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

    /// Takes a producer away.
    func remove(_ producer: ProducerID) {
        // First, as for a consumer.
        guarded.withLock { $0.producers[producer.index] = nil }
        change { $0.removeProducer(producer, &$1) }
    }

    /// How much credit a producer gets now; where that is none, it hears when there is room.
    func grant(_ producer: ProducerID) -> Int { change { $0.grant(producer, &$1) }.result }

    /// What a producer began to send is given up, or was not for the queue.
    /// - Returns: how much credit it gets.
    func use(_ producer: ProducerID) -> Int {
        change { $0.use(producer, size: nil, &$1) }.result
    }

    /// A producer has given back credit.
    func noteReturn(of producer: ProducerID, credit: Int) {
        change { $0.noteReturn(of: producer, credit: credit, &$1) }
    }

    // MARK: The queue's own life

    /// Whether nothing would be lost if the queue were forgotten.
    var isEmpty: Bool { guarded.withLock { $0.state.heldMessages == 0 } }

    /// Has the store keep the queue also while it is empty.
    /// - Returns: the number of the group that the store has to write; 0 where it knows the queue.
    func store() -> UInt64 { change { $0.store(&$1) }.sequence }

    /// Takes no more messages, has the store forget the queue, and closes its links.
    /// - Returns: the number of the group that the store has to write; 0 for none.
    /// - Parameter reason: what the peers of its links are told.
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

    /// Removes the messages that wait.
    /// - Returns: how many there were, and the number of the group that the store has to write; 0 for none.
    func purge() -> (result: Int, sequence: UInt64) { change { $0.purge(&$1) } }

    /// Has other limits, and other rules for redeliveries and dead letters, hold from now on.
    /// - Parameter details: what the store is to keep of the queue; nil where it keeps nothing of that.
    /// - Returns: the number of the group that the store has to write; 0 for none.
    func update(_ settings: QueueSettings, details: [UInt8]?) -> UInt64 {
        change { $0.update(settings, details: details, &$1) }.sequence
    }

    /// The settings as they are now: `settings` has those that the queue was made with, of which the limits, the redelivery
    /// policy and the dead-letter address may have changed.
    var currentSettings: QueueSettings { guarded.withLock { $0.state.settings } }

    /// What the peers of a queue that is deleted are told.
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

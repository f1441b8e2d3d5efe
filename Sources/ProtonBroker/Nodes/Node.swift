import Proton
import ProtonEngine

/// What an address names: a queue, and the links that are attached to it.
///
/// Each of the broker's threads may call it: the queue is under a lock, which is never held while a link is used.
final class Node: Sendable {
    /// The name that links attach to: opaque bytes that mean nothing to the broker.
    let address: String
    private let budget: Budget
    private let state: UncheckedMutex<State>

    private struct State {
        var queue: Queue<OutgoingLink>
        var links: [ObjectIdentifier: any AttachedLink] = [:]
        /// Links without credit, since the queue had no room for more messages.
        var waiting: [IncomingLink] = []
        /// Whether the broker has forgotten the node: it takes no messages any more.
        var isGone = false

        /// Puts messages into consumers' outboxes until one of the two runs out.
        mutating func dispatch() -> Errands {
            var errands = Errands()
            while let (consumer, message) = queue.next() {
                if consumer.give(message) { errands.tell(consumer) }
            }
            errands.relieved = relieved()
            return errands
        }

        /// The links to give credit to, where there is room for messages again.
        mutating func relieved() -> [IncomingLink] {
            guard !waiting.isEmpty, queue.hasRoomAgain else { return [] }
            return exchange(&waiting, with: [])
        }
    }

    /// What is to be done for links once the lock is released.
    private struct Errands {
        /// Consumers with messages in their outboxes; mostly there is one.
        private var consumer: OutgoingLink?
        private var furtherConsumers: [OutgoingLink] = []
        /// Senders that there is room for again.
        var relieved: [IncomingLink] = []

        mutating func tell(_ link: OutgoingLink) {
            if consumer == nil { consumer = link } else { furtherConsumers.append(link) }
        }

        func run() {
            consumer?.outboxIsFilled()
            for link in furtherConsumers { link.outboxIsFilled() }
            for link in relieved { link.roomIsBack() }
        }
    }

    init(address: String, limits: QueueLimits, budget: Budget) {
        self.address = address
        self.budget = budget
        state = UncheckedMutex(State(queue: Queue(limits: limits)))
    }

    deinit { budget.giveBack(state.withLock { $0.queue.heldBytes }) }

    /// Whether nothing would be lost if the node were forgotten.
    var isEmpty: Bool { state.withLock { $0.queue.heldMessages == 0 } }

    // MARK: Links

    func attach(_ link: any AttachedLink) {
        state.withLock { $0.links[ObjectIdentifier(link)] = link }
    }

    func detach(_ link: any AttachedLink) {
        state.withLock { _ = $0.links.removeValue(forKey: ObjectIdentifier(link)) }
    }

    /// Takes no more messages, and closes every link: the node is gone.
    func delete() {
        let links = state.withLock { state in
            state.isGone = true
            return Array(state.links.values)
        }
        for link in links { link.closeSinceDeleted() }
    }

    /// What the peers of a node that is gone are told.
    static var deleted: Condition {
        Condition(.resourceDeleted, "The dynamic node is gone with the link that it was made for.")
    }

    // MARK: Messages

    /// Takes a message, and sends on what can be sent.
    /// - Throws: where the queue, or the broker, is too full to take it.
    func put(_ bytes: [UInt8]) throws(Refusal) {
        let errands = try state.withLock { state throws(Refusal) in
            try reserve(bytes, &state)
            state.queue.enqueueReserved(bytes)
            return state.dispatch()
        }
        errands.run()
    }

    /// Keeps room for a message of a transaction.
    /// - Throws: where the queue, or the broker, is too full.
    func reserve(_ bytes: [UInt8]) throws(Refusal) {
        try state.withLock { state throws(Refusal) in try reserve(bytes, &state) }
    }

    private func reserve(_ bytes: [UInt8], _ state: inout State) throws(Refusal) {
        guard !state.isGone else { throw Refusal(.notFound, "There is no node \(address) any more.") }
        guard budget.hasRoom, state.queue.reserve(bytes.count) else {
            throw Refusal(.resourceLimitExceeded, "The queue is full, or the broker: send again later.")
        }
        budget.take(bytes.count)
    }

    /// Takes a message that there is room kept for.
    func putReserved(_ bytes: [UInt8]) {
        let errands = state.withLock { state in
            state.queue.enqueueReserved(bytes)
            return state.dispatch()
        }
        errands.run()
    }

    /// Gives up the room that was kept for a message.
    func unreserve(_ bytes: [UInt8]) {
        budget.giveBack(bytes.count)
        state.withLock { $0.queue.unreserve(bytes.count) }
    }

    /// Sends messages to consumers until one of the two runs out.
    func dispatch() {
        let errands = state.withLock { state in
            budget.giveBack(state.queue.dropExpired())
            return state.dispatch()
        }
        errands.run()
    }

    /// Ends what a consumer had to do with a message.
    func settle(_ message: QueuedMessage, _ disposal: Disposal) {
        guard disposal == .removed else {
            settleAtOnce(message, disposal)
            return dispatch()
        }
        budget.giveBack(message.bytes.count)
        let relieved = state.withLock { state in
            state.queue.settle(message, .removed)
            return state.relieved()
        }
        for link in relieved { link.roomIsBack() }
    }

    /// Ends what a consumer had to do with a message that was settled as it was sent, or was not sent after all.
    func settleAtOnce(_ message: QueuedMessage, _ disposal: Disposal) {
        if disposal == .removed { budget.giveBack(message.bytes.count) }
        state.withLock { $0.queue.settle(message, disposal) }
    }

    // MARK: Credit

    /// Sets how many messages a consumer may be sent, those in its outbox included.
    func setCredit(_ credit: Int, of consumer: OutgoingLink) {
        state.withLock { $0.queue.setCredit(credit - consumer.outbox.count, of: consumer) }
    }

    /// The next message of a consumer's outbox, and whether there are more.
    func takeNext(of consumer: OutgoingLink) -> (QueuedMessage, hasMore: Bool)? {
        state.withLock { _ in consumer.takeNext() }
    }

    /// Takes note of a consumer that is new.
    func add(_ consumer: OutgoingLink) {
        state.withLock { $0.queue.addChooser(consumer) }
    }

    /// Keeps a message, which is about to come back, from a consumer that cannot process it.
    func keep(_ message: QueuedMessage, from consumer: OutgoingLink) {
        state.withLock { $0.queue.keep(message, from: consumer) }
    }

    /// Takes a consumer away, and gives what it had not settled to others.
    func remove(_ consumer: OutgoingLink, failed: Bool) {
        state.withLock { $0.queue.remove(consumer, failed: failed) }
        dispatch()
    }

    /// How much credit a sender may have, where it would have `window` at best; where that is none, the sender hears
    /// when there is room again.
    func allowance(of window: Int, for link: IncomingLink) -> Int {
        state.withLock { state in
            let allowance = state.queue.allowance(of: window)
            if allowance == 0, !state.waiting.contains(where: { $0 === link }) { state.waiting.append(link) }
            return allowance
        }
    }

    /// Forgets a sender that is over.
    func stopWaiting(_ link: IncomingLink) {
        state.withLock { $0.waiting.removeAll { $0 === link } }
    }
}

/// A link to a node, as the node knows it.
protocol AttachedLink: AnyObject, Sendable {
    /// Closes the link, soon: its node is gone. Called on any of the broker's threads.
    func closeSinceDeleted()
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// What a transaction does when it commits: messages to put into queues, and outcomes of messages that consumers had.
///
/// Until then the messages are in no queue, but have their room there; what consumers had is theirs (AMQP 1.0, 4.4). It
/// belongs to its connection's domain; what is left to do once a commit is on disk does not.
final class Transaction {
    /// A message that is to come into a queue.
    private struct Post: Sendable {
        let queue: Queue
        let bytes: [UInt8]
    }

    /// An outcome of a message that a consumer had.
    struct Retirement {
        let queue: Queue
        let consumer: ConsumerID
        let slot: Int
        let outcome: Outcome
        /// Where the peer has not settled.
        let delivery: Delivery?
        let link: ConsumerLink
    }

    /// The link that began it, and ends it.
    let controller: CoordinatorLink
    private let context: BrokerContext
    private let maxMessages: Int
    /// The queues that it has to do with, each in use once.
    private var used: [ObjectIdentifier: Queue] = [:]
    private var posts: [Post] = []
    private var retirements: [Retirement] = []
    /// Why it can only be rolled back; nil as long as it can be committed.
    private var failure: Condition?

    init(controller: CoordinatorLink, _ context: BrokerContext) {
        self.controller = controller
        self.context = context
        maxMessages = context.options.transactionLimits.messages
    }

    // MARK: What happens within

    /// A message came for a queue, which keeps room for it.
    /// - Returns: how much credit its producer gets.
    func post(_ bytes: [UInt8], to queue: Queue, from producer: ProducerID?) throws(MessageError) -> Int {
        try checkRoom()
        let grant = try queue.reserve(bytes, from: producer)
        use(queue)
        posts.append(Post(queue: queue, bytes: bytes))
        return grant
    }

    /// A message came for the subscribers of a topic, which keep room for it.
    func publish(_ bytes: [UInt8], to topic: Topic) throws(MessageError) {
        try checkRoom()
        for queue in try topic.reserve(bytes) {
            use(queue)
            posts.append(Post(queue: queue, bytes: bytes))
        }
    }

    /// A message of it was refused: what is left of it alone is not what its controller wants.
    func fail(_ condition: Condition) { failure = failure ?? condition }

    /// A consumer's message has an outcome (AMQP 1.0, 4.4.2), which its queue leaves to this.
    func add(_ retirement: Retirement) {
        do throws(MessageError) {
            try checkRoom()
        } catch {
            fail(error.condition)
        }
        use(retirement.queue)
        retirements.append(retirement)
    }

    /// A consumer's message that the transaction has gets another outcome, or is settled.
    /// - Returns: whether the transaction has it.
    func replace(_ retirement: Retirement) -> Bool {
        let index = retirements.lastIndex {
            $0.queue === retirement.queue && $0.consumer == retirement.consumer && $0.slot == retirement.slot
        }
        guard let index else { return false }
        retirements[index] = retirement
        return true
    }

    private func use(_ queue: Queue) {
        guard used.updateValue(queue, forKey: ObjectIdentifier(queue)) == nil else { return }
        context.table.useAgain(queue)
    }

    private func checkRoom() throws(MessageError) {
        guard posts.count + retirements.count < maxMessages else {
            throw MessageError(
                Condition(.resourceLimitExceeded, "The transaction has more than \(maxMessages) messages."),
                isCreditUsed: false)
        }
    }

    // MARK: The end

    /// Does all of it. What the store keeps is written as one group first: no consumer gets any of it before.
    /// - Parameter done: called once it is done: now, or on a thread of the store's.
    /// - Throws: where it cannot be done, and was rolled back instead.
    func commit(done: @escaping @Sendable () -> Void) throws(ConditionError) {
        let failure = failure ?? storeFailure
        if let failure {
            rollBack()
            throw ConditionError(
                "amqp:transaction:rollback",
                "The transaction is rolled back: \(failure.description ?? failure.name.name)")
        }
        var group: [StoreChange] = []
        var messages: [(Queue, PreparedMessage)] = []
        for post in posts {
            let (message, changes) = post.queue.prepare(post.bytes)
            messages.append((post.queue, message))
            group += changes
        }
        for retirement in retirements {
            if let delivery = retirement.delivery { retirement.link.fixOutcome(of: delivery) }
            let change = retirement.queue.change(
                for: retirement.slot, of: retirement.consumer, retirement.outcome)
            if let change { group.append(change) }
        }
        let commit = Commit(messages: messages, retirements: retirements, used: Array(used.values), context: context)
        guard !group.isEmpty, let store = context.store else {
            return commit.takeEffect(then: done)
        }
        store.whenWritten(store.write(group)) { commit.takeEffect(then: done) }
    }

    /// Why nothing durable can be done now.
    private var storeFailure: Condition? {
        guard context.store?.isFailing == true, (used.values.contains { $0.settings.isDurable }) else { return nil }
        return Condition(.internalError, "The broker cannot write to its disk: try again later.")
    }

    /// Does none of it: messages that consumers had are theirs as before, but for those that they have settled.
    func rollBack() {
        for post in posts { post.queue.unreserve(post.bytes) }
        for retirement in retirements {
            if let delivery = retirement.delivery { retirement.link.delist(delivery) }
            let outcome: Outcome? = retirement.delivery == nil ? .modified(deliveryFailed: true) : nil
            retirement.queue.delist(retirement.slot, of: retirement.consumer, outcome)
        }
        for queue in used.values { context.table.release(queue) }
        used = [:]
    }
}

/// What is left to do once a transaction is on disk, on whichever thread tells.
///
/// `@unchecked Sendable`: it is made and used once; a delivery in it goes back to its own domain with its link.
private struct Commit: @unchecked Sendable {
    let messages: [(Queue, PreparedMessage)]
    let retirements: [Transaction.Retirement]
    let used: [Queue]
    let context: BrokerContext

    /// Does it, and then calls `done`, once all of it is on disk: some outcomes are written only now.
    func takeEffect(then done: @escaping @Sendable () -> Void) {
        for (queue, message) in messages { queue.insert(message) }
        for retirement in retirements {
            let isStored = retirement.outcome == .accepted
            retirement.queue.settle(
                retirement.slot, of: retirement.consumer, retirement.outcome, isStored: isStored)
        }
        for queue in used { context.table.release(queue) }
        guard let store = context.store, retirements.contains(where: \.isWrittenLater) else { return tell(done) }
        store.whenWritten(store.lastSequence) { tell(done) }
    }

    /// Settles what consumers have not settled, and then calls `done`.
    private func tell(_ done: () -> Void) {
        for retirement in retirements {
            if let delivery = retirement.delivery { retirement.link.settleCommitted(delivery, retirement.outcome) }
        }
        done()
    }
}

extension Transaction.Retirement {
    /// Whether the store hears of it when it takes effect, rather than with the rest of the transaction.
    fileprivate var isWrittenLater: Bool {
        switch outcome {
        case .accepted, .released: false
        case .rejected, .modified: true
        }
    }
}

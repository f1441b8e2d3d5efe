// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The work of an open transaction: messages for queues, and outcomes of messages that consumers have.
///
/// Until the commit the messages are in no queue, but have reserved room there; consumers keep their messages (AMQP 1.0, 4.4). It
/// belongs to its connection's domain, except for the work that follows when a commit is on disk.
final class Transaction {
    /// A message for a queue.
    private struct Post: Sendable {
        let queue: Queue
        let bytes: [UInt8]
    }

    /// An outcome of a message that a consumer has.
    struct Retirement {
        let queue: Queue
        let consumer: ConsumerID
        let slot: Int
        let outcome: Outcome
        /// The delivery, if the peer has not settled it.
        let delivery: Delivery?
        let link: ConsumerLink
    }

    /// The link that began it, and ends it.
    let controller: CoordinatorLink
    private let context: BrokerContext
    private let maxMessages: Int
    /// The queues of the transaction, each kept in use once.
    private var used: [ObjectIdentifier: Queue] = [:]
    private var posts: [Post] = []
    private var retirements: [Retirement] = []
    /// The reason why it can only be rolled back; nil as long as it can be committed.
    private var failure: Condition?

    init(controller: CoordinatorLink, _ context: BrokerContext) {
        self.controller = controller
        self.context = context
        maxMessages = context.options.transactionLimits.messages
    }

    // MARK: Work in the transaction

    /// Adds a message for a queue, which reserves room for it.
    /// - Returns: the credit for its producer.
    func post(_ bytes: [UInt8], to queue: Queue, from producer: ProducerID?) throws(MessageError) -> Int {
        try checkRoom()
        let grant = try queue.reserve(bytes, from: producer)
        use(queue)
        posts.append(Post(queue: queue, bytes: bytes))
        return grant
    }

    /// Adds a message for the subscribers of a topic, which reserve room for it.
    func publish(_ bytes: [UInt8], to topic: Topic) throws(MessageError) {
        try checkRoom()
        for queue in try topic.reserve(bytes) {
            use(queue)
            posts.append(Post(queue: queue, bytes: bytes))
        }
    }

    /// Marks the transaction as failed, since one of its messages was refused: it must not be committed in part.
    func fail(_ condition: Condition) { failure = failure ?? condition }

    /// Adds the outcome of a consumer's message (AMQP 1.0, 4.4.2), which its queue leaves to this transaction.
    func add(_ retirement: Retirement) {
        do throws(MessageError) {
            try checkRoom()
        } catch {
            fail(error.condition)
        }
        use(retirement.queue)
        retirements.append(retirement)
    }

    /// Replaces the outcome of a consumer's message in the transaction, or settles it.
    /// - Returns: whether the transaction has the message.
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

    /// Commits. Changes of the store are written first, as one group: no consumer gets a message before.
    /// - Parameter done: called when it is committed: now, or on a thread of the store.
    /// - Throws: if it cannot be committed, and was rolled back instead.
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

    /// The reason why no durable changes are possible now.
    private var storeFailure: Condition? {
        guard context.store?.isFailing == true, (used.values.contains { $0.settings.isDurable }) else { return nil }
        return Condition(.internalError, "The broker cannot write to its disk: try again later.")
    }

    /// Rolls back: consumers keep their messages, except for those that they have settled.
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

/// The work that follows when a transaction is on disk, on any thread.
///
/// `@unchecked Sendable`: it is created and used once; its deliveries are only used in their own domain, through their links.
private struct Commit: @unchecked Sendable {
    let messages: [(Queue, PreparedMessage)]
    let retirements: [Transaction.Retirement]
    let used: [Queue]
    let context: BrokerContext

    /// Takes effect, and calls `done` when all of it is on disk: some outcomes are written only now.
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

    /// Settles the deliveries that consumers have not settled, and then calls `done`.
    private func tell(_ done: () -> Void) {
        for retirement in retirements {
            if let delivery = retirement.delivery { retirement.link.settleCommitted(delivery, retirement.outcome) }
        }
        done()
    }
}

extension Transaction.Retirement {
    /// Whether the store is updated when it takes effect, rather than with the rest of the transaction.
    fileprivate var isWrittenLater: Bool {
        switch outcome {
        case .accepted, .released: false
        case .rejected, .modified: true
        }
    }
}

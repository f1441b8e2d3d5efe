// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The transactions that a connection's peer has begun and not yet ended, by their ids.
final class TransactionTable {
    private let context: BrokerContext
    private var open: [[UInt8]: Transaction] = [:]
    private var count: UInt64 = 0

    init(_ context: BrokerContext) { self.context = context }

    /// The transaction with an id.
    /// - Throws: where there is none, or none any more.
    func find(_ id: [UInt8]) throws(ConditionError) -> Transaction {
        guard let transaction = open[id] else { throw TransactionTable.unknown(id) }
        return transaction
    }

    private static func unknown(_ id: [UInt8]) -> ConditionError {
        ConditionError("amqp:transaction:unknown-id", "There is no transaction \(AMQPValue.binary(id)): has it ended?")
    }

    /// Begins a transaction, which ends at the latest when its controlling link does.
    /// - Returns: its id.
    func declare(by controller: CoordinatorLink) throws(ConditionError) -> [UInt8] {
        guard open.count < context.options.transactionLimits.perConnection else {
            throw ConditionError(
                .resourceLimitExceeded, "\(open.count) transactions are open, which is as many as may be.")
        }
        count += 1
        let id = withUnsafeBytes(of: count.bigEndian) { Array($0) }
        open[id] = Transaction(controller: controller, context)
        return id
    }

    /// Ends a transaction (AMQP 1.0, 4.3).
    /// - Parameters:
    ///   - fails: whether it is rolled back, as its controller wants it.
    ///   - done: called once it has ended: now, or on a thread of the store's once it is on disk.
    /// - Throws: where there is no such transaction of this controller, or it cannot be committed and is rolled back.
    func discharge(
        _ id: [UInt8], by controller: CoordinatorLink, fails: Bool, done: @escaping @Sendable () -> Void
    ) throws(ConditionError) {
        guard let transaction = open[id], transaction.controller === controller else {
            throw TransactionTable.unknown(id)
        }
        open[id] = nil
        guard fails else { return try transaction.commit(done: done) }
        transaction.rollBack()
        done()
    }

    /// Rolls back what a controlling link that is closed has left.
    func end(_ controller: CoordinatorLink) {
        for (id, transaction) in open.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
        where transaction.controller === controller {
            open[id] = nil
            transaction.rollBack()
        }
    }
}

/// How much transactions may hold open.
public struct TransactionLimits: Sendable, Hashable {
    /// How many may be open on a connection: at least 1, by default 100.
    ///
    /// One more is rejected with `amqp:resource-limit-exceeded`.
    public var perConnection: Int
    /// How many messages one may have, sent and received: at least 1, by default 10,000.
    ///
    /// A transaction that has more, or for whose messages there is no room in their queues, is rolled back when it is to
    /// be committed.
    public var messages: Int

    /// Creates limits.
    public init(perConnection: Int = 100, messages: Int = 10_000) {
        self.perConnection = perConnection
        self.messages = messages
    }
}

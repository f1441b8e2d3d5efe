// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The open transactions of a connection's peer, by their ids.
final class TransactionTable {
    private let context: BrokerContext
    private var open: [[UInt8]: Transaction] = [:]
    private var count: UInt64 = 0

    init(_ context: BrokerContext) { self.context = context }

    /// The transaction with an id.
    /// - Throws: if there is none, or it has ended.
    func find(_ id: [UInt8]) throws(ConditionError) -> Transaction {
        guard let transaction = open[id] else { throw TransactionTable.unknown(id) }
        return transaction
    }

    private static func unknown(_ id: [UInt8]) -> ConditionError {
        ConditionError("amqp:transaction:unknown-id", "There is no transaction \(AMQPValue.binary(id)): has it ended?")
    }

    /// Begins a transaction, which ends at the latest with its controlling link.
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
    ///   - fails: whether to roll it back, as its controller requests.
    ///   - done: called when it has ended: now, or on a thread of the store when it is on disk.
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

    /// Rolls back the open transactions of a controlling link that is closed.
    func end(_ controller: CoordinatorLink) {
        for (id, transaction) in open.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
        where transaction.controller === controller {
            open[id] = nil
            transaction.rollBack()
        }
    }
}

/// The limits of open transactions.
public struct TransactionLimits: Sendable, Hashable {
    /// The maximum number of open transactions of a connection: at least 1, by default 100.
    ///
    /// One more is rejected with `amqp:resource-limit-exceeded`.
    public var perConnection: Int
    /// The maximum number of messages of a transaction, sent and received: at least 1, by default 10,000.
    ///
    /// A transaction that has more, or whose messages find no room in their queues, is rolled back when it is to be committed.
    public var messages: Int

    /// Creates limits.
    public init(perConnection: Int = 100, messages: Int = 10_000) {
        self.perConnection = perConnection
        self.messages = messages
    }
}

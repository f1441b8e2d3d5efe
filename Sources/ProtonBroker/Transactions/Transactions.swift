import Proton

/// The transactions that a connection's peer has begun and not yet ended, by their ids.
final class Transactions {
    private let limits: TransactionLimits
    private let nodes: NodeTable
    private var open: [[UInt8]: Transaction] = [:]
    private var count: UInt64 = 0

    init(limits: TransactionLimits, nodes: NodeTable) {
        self.limits = limits
        self.nodes = nodes
    }

    /// The transaction with an id.
    /// - Throws: where there is none, or none any more.
    func find(_ id: [UInt8]) throws(Refusal) -> Transaction {
        guard let transaction = open[id] else { throw Transactions.unknown(id) }
        return transaction
    }

    /// What is said of an id that names no transaction.
    static func unknown(_ id: [UInt8]) -> Refusal {
        Refusal("amqp:transaction:unknown-id", "There is no transaction \(AMQPValue.binary(id)): has it ended?")
    }

    /// Begins a transaction, which ends at the latest when its controlling link does.
    /// - Returns: its id.
    func declare(by controller: CoordinatorLink) throws(Refusal) -> [UInt8] {
        guard open.count < limits.perConnection else {
            throw Refusal(.resourceLimitExceeded, "\(open.count) transactions are open, which is as many as may be.")
        }
        count += 1
        let id = withUnsafeBytes(of: count.bigEndian) { Array($0) }
        open[id] = Transaction(id: id, controller: controller, maxMessages: limits.messages, nodes: nodes)
        return id
    }

    /// Ends a transaction (AMQP 1.0, 4.3).
    /// - Parameter fails: whether it is rolled back, as its controller wants it.
    /// - Returns: the number of the last change that the store has to write for that.
    /// - Throws: where there is no such transaction of this controller, or it cannot be committed and is rolled back.
    func discharge(_ id: [UInt8], by controller: CoordinatorLink, fails: Bool) throws(Refusal) -> StoreTicket {
        guard let transaction = open[id], transaction.controller === controller else { throw Transactions.unknown(id) }
        open[id] = nil
        guard fails else { return try transaction.commit() }
        transaction.rollBack()
        return StoreTicket()
    }

    /// Rolls back what a controlling link that is over has left.
    func end(_ controller: CoordinatorLink) {
        for (id, transaction) in open.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) })
        where transaction.controller === controller {
            open[id] = nil
            transaction.rollBack()
        }
    }
}

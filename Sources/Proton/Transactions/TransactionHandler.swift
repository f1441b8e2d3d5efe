public import AMQP
public import ProtonEngine

/// What a program does about its transactions; given to `Container.declareTransaction`.
///
/// The callbacks are made in the domain of the transaction's connection. What one throws comes out of `run()`.
public protocol TransactionHandler: AnyObject {
    /// The peer has begun the transaction: messages can be sent and accepted in it.
    func onTransactionDeclared(_ event: TransactionEvent) throws
    /// What was done in the transaction holds.
    func onTransactionCommitted(_ event: TransactionEvent) throws
    /// What was done in the transaction is undone, as `abort` asked.
    func onTransactionAborted(_ event: TransactionEvent) throws
    /// The peer has not begun the transaction; the default ends `run()` with an error.
    func onTransactionDeclareFailed(_ event: TransactionEvent) throws
    /// What was done in the transaction is undone, although `commit` asked for it; the default ends `run()` with an
    /// error. Where the connection was lost meanwhile, the outcome is in doubt.
    func onTransactionCommitFailed(_ event: TransactionEvent) throws
}

extension TransactionHandler {
    public func onTransactionDeclared(_ event: TransactionEvent) throws {}
    public func onTransactionCommitted(_ event: TransactionEvent) throws {}
    public func onTransactionAborted(_ event: TransactionEvent) throws {}

    public func onTransactionDeclareFailed(_ event: TransactionEvent) throws {
        throw ProtonError(
            .transactionFailed, "No transaction was begun: \(event.reason)", condition: event.condition)
    }

    public func onTransactionCommitFailed(_ event: TransactionEvent) throws {
        throw ProtonError(
            .transactionFailed, "A transaction was not committed: \(event.reason)", condition: event.condition)
    }
}

/// An event of a transaction.
public struct TransactionEvent: EndpointEvent {
    /// The transaction.
    public let transaction: Transaction
    /// The transaction's connection.
    public let connection: Connection
    /// Why the peer refused; nil where it did not, or gave no reason.
    public let condition: Condition?
    /// What to tell where there is no condition.
    var hint = "the peer gave no reason"

    fileprivate var reason: String {
        guard let condition else { return hint }
        return condition.description.map { "\(condition.name): \($0)" } ?? "\(condition.name)"
    }
}

/// A program with transactions: all of `MessagingHandler`, and of `TransactionHandler`.
///
/// Messages are accepted in a transaction, or by hand: give `options` `autoAccepts: false`, which is the default here.
public protocol TransactionalClientHandler: MessagingHandler, TransactionHandler {}

extension TransactionalClientHandler {
    public var options: HandlerOptions { HandlerOptions(autoAccepts: false) }

    /// Accepts a message, in a transaction where one is given.
    /// - Throws: `ProtonError.Code.invalidArgument` where the transaction is not open.
    public func accept(_ delivery: Delivery, in transaction: Transaction?) throws {
        if let transaction { try transaction.accept(delivery) } else { delivery.accept() }
    }
}

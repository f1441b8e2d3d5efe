// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// A program's callbacks for its transactions; passed to `Container.declareTransaction`.
///
/// Exactly one callback other than `onTransactionDeclared` ends each transaction; `Transaction` has a table of them. They are
/// made in the domain of the transaction's connection. An error that one of them throws ends `run()`.
///
/// The defaults for failures end `run()` with an error. If a peer made the connection, they log it; while the container is
/// stopping they do nothing.
public protocol TransactionHandler: AnyObject {
    /// The peer has declared the transaction: messages can be sent and accepted in it.
    func onTransactionDeclared(_ event: TransactionEvent) throws
    /// The transaction was committed.
    func onTransactionCommitted(_ event: TransactionEvent) throws
    /// The transaction was rolled back, as `abort` requested.
    func onTransactionAborted(_ event: TransactionEvent) throws
    /// The peer has not declared the transaction. The default fails, unless this side closed the connection.
    func onTransactionDeclareFailed(_ event: TransactionEvent) throws
    /// The transaction was rolled back, although `commit` was requested. The default fails.
    func onTransactionCommitFailed(_ event: TransactionEvent) throws
    /// The transaction ended before `commit` or `abort`: with its connection, or with the link to its coordinator.
    ///
    /// Its work is undone (AMQP 1.0, 4.3). To do it again, declare another transaction: if the connection is made again, it
    /// begins then. The default fails, unless this side closed the connection.
    func onTransactionLost(_ event: TransactionEvent) throws
    /// `commit` was requested, and the connection or the link to the coordinator ended before the answer.
    ///
    /// The transaction was committed or rolled back: which of the two is not known. The default fails.
    func onTransactionInDoubt(_ event: TransactionEvent) throws
}

extension TransactionHandler {
    public func onTransactionDeclared(_ event: TransactionEvent) throws {}
    public func onTransactionCommitted(_ event: TransactionEvent) throws {}
    public func onTransactionAborted(_ event: TransactionEvent) throws {}

    public func onTransactionDeclareFailed(_ event: TransactionEvent) throws {
        try event.failDeclare()
    }

    public func onTransactionCommitFailed(_ event: TransactionEvent) throws {
        try event.failCommit()
    }

    public func onTransactionLost(_ event: TransactionEvent) throws {
        try event.failLost()
    }

    public func onTransactionInDoubt(_ event: TransactionEvent) throws {
        try event.failInDoubt()
    }
}

/// An event of a transaction.
public struct TransactionEvent: EndpointEvent {
    /// The transaction.
    public let transaction: Transaction
    /// The transaction's connection.
    public let connection: Connection
    /// The condition with which the peer refused, or closed the link to the coordinator; nil if it gave no reason.
    public let condition: Condition?
    /// The reason if there is no condition.
    let hint: String

    private var reason: String { condition?.text ?? hint }

    // MARK: The defaults of the callbacks for failures

    /// The failures that callbacks report.
    enum Failure: String {
        case undeclared = "No transaction was begun"
        case uncommitted = "A transaction was not committed"
        case lost = "A transaction was undone"
        case inDoubt = "Whether a transaction was committed is in doubt"
    }

    /// The failure as an error.
    func error(_ failure: Failure) -> ProtonError {
        ProtonError(
            failure == .inDoubt ? .inDoubt : .transactionFailed, "\(failure.rawValue): \(reason)", condition: condition)
    }

    /// Handles a transaction that was not declared.
    func failDeclare() throws {
        if !connection.isLocalClosed { try connection.failUnhandled(error(.undeclared)) }
    }

    /// Handles a transaction that was not committed.
    func failCommit() throws { try connection.failUnhandled(error(.uncommitted)) }

    /// Handles a transaction that ended before `commit` or `abort`.
    func failLost() throws {
        if !connection.isLocalClosed { try connection.failUnhandled(error(.lost)) }
    }

    /// Handles a transaction whose result is in doubt.
    func failInDoubt() throws { try connection.failUnhandled(error(.inDoubt)) }
}

/// A handler with all callbacks of `MessagingHandler` and `TransactionHandler`.
///
/// Messages are accepted in a transaction, or by the program: `options` must have `autoAccepts: false`, which is the default
/// here.
public protocol TransactionalClientHandler: MessagingHandler, TransactionHandler {}

extension TransactionalClientHandler {
    public var options: HandlerOptions { HandlerOptions(autoAccepts: false) }

    /// Accepts a message, in a transaction if one is given.
    /// - Throws: `ProtonError.Code.invalidArgument` if the transaction is not open.
    public func accept(_ delivery: Delivery, in transaction: Transaction?) throws {
        if let transaction { try transaction.accept(delivery) } else { delivery.accept() }
    }
}

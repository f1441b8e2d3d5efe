// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// What a program does about its transactions; given to `Container.declareTransaction`.
///
/// Exactly one of the callbacks but `onTransactionDeclared` ends each transaction; `Transaction` has a table of them. They
/// are made in the domain of the transaction's connection. What one throws ends `run()`.
///
/// The defaults of failures end `run()` with an error. On a connection that a peer made, they log it; while the container
/// is stopping they do nothing.
public protocol TransactionHandler: AnyObject {
    /// The peer has begun the transaction: messages can be sent and accepted in it.
    func onTransactionDeclared(_ event: TransactionEvent) throws
    /// What was done in the transaction holds.
    func onTransactionCommitted(_ event: TransactionEvent) throws
    /// What was done in the transaction is undone, as `abort` asked.
    func onTransactionAborted(_ event: TransactionEvent) throws
    /// The peer has not begun the transaction. The default fails, unless this side closed the connection.
    func onTransactionDeclareFailed(_ event: TransactionEvent) throws
    /// What was done in the transaction is undone, although `commit` asked for it. The default fails.
    func onTransactionCommitFailed(_ event: TransactionEvent) throws
    /// The transaction ended before `commit` or `abort`: with its connection, or with the link to its coordinator.
    ///
    /// What was done in it is undone (AMQP 1.0, 4.3). Declare another one to do it again: where the connection is made
    /// again, that begins then. The default fails, unless this side closed the connection.
    func onTransactionLost(_ event: TransactionEvent) throws
    /// `commit` was asked for, and the connection or the link to the coordinator ended before the answer.
    ///
    /// What was done in the transaction holds, or is undone: which of the two is not known. The default fails.
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
    /// Why the peer refused, or why it closed the link to the coordinator; nil where it gave no reason.
    public let condition: Condition?
    /// What to tell where there is no condition.
    let hint: String

    private var reason: String { condition?.text ?? hint }

    // MARK: What the defaults of the callbacks do about a failure

    /// What a callback tells that is a failure.
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

    /// Nobody handles that the transaction was not begun.
    func failDeclare() throws {
        if !connection.isLocalClosed { try connection.failUnhandled(error(.undeclared)) }
    }

    /// Nobody handles that the transaction was not committed.
    func failCommit() throws { try connection.failUnhandled(error(.uncommitted)) }

    /// Nobody handles that the transaction ended by itself.
    func failLost() throws {
        if !connection.isLocalClosed { try connection.failUnhandled(error(.lost)) }
    }

    /// Nobody handles that what became of the transaction is not known.
    func failInDoubt() throws { try connection.failUnhandled(error(.inDoubt)) }
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

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A base class for handlers of messages and transactions; see `MessagingHandlerBase`.
///
/// Messages are accepted in a transaction, or by hand: the options' default has `autoAccepts` false.
open class TransactionalClientHandlerBase: MessagingHandlerBase, TransactionalClientHandler {
    /// Creates a handler.
    /// - Parameters:
    ///   - options: the tasks that the library does.
    ///   - handlers: the handlers that receive each event after this one, in order.
    public override init(
        _ options: HandlerOptions = HandlerOptions(autoAccepts: false), handlers: [any ProtonHandler] = []
    ) {
        super.init(options, handlers: handlers)
    }

    // MARK: TransactionHandler

    open func onTransactionDeclared(_ event: TransactionEvent) throws {}
    open func onTransactionCommitted(_ event: TransactionEvent) throws {}
    open func onTransactionAborted(_ event: TransactionEvent) throws {}
    open func onTransactionDeclareFailed(_ event: TransactionEvent) throws { try event.failDeclare() }
    open func onTransactionCommitFailed(_ event: TransactionEvent) throws { try event.failCommit() }
    open func onTransactionLost(_ event: TransactionEvent) throws { try event.failLost() }
    open func onTransactionInDoubt(_ event: TransactionEvent) throws { try event.failInDoubt() }
}

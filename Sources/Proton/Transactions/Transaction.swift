// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// A local transaction: messages sent and accepted in it take effect together, or not at all (AMQP 1.0, 4.2).
///
/// `Container.declareTransaction` creates it; it can be used from `onTransactionDeclared` on, until `commit` or `abort`. It
/// belongs to its connection's domain.
///
/// A transaction ends with its connection, and with the link to the peer's coordinator (4.3):
///
/// | The transaction | connection lost, to be made again | link, session or connection ended |
/// | --- | --- | --- |
/// | not declared yet | declared on the new connection | `onTransactionDeclareFailed` |
/// | open | `onTransactionLost` | `onTransactionLost` |
/// | `commit` called, the request not sent yet | `onTransactionCommitFailed` | `onTransactionCommitFailed` |
/// | `commit` called, the request sent | `onTransactionInDoubt` | `onTransactionInDoubt`, or `onTransactionCommitFailed` if the peer reports a rollback |
/// | `abort` called | `onTransactionAborted` | `onTransactionAborted` |
///
/// Messages that were accepted in it are released if it is not committed.
public final class Transaction {
    enum State {
        /// The peer has not answered yet.
        case declaring
        case open(id: [UInt8])
        case committing
        case aborting
        case ended(Ending)
    }

    /// How a transaction ended.
    enum Ending {
        case undeclared, committed, aborted
        /// Its connection or the link to the coordinator ended before.
        case lost
        /// The answer to `commit` did not arrive.
        case inDoubt
    }

    private var state = State.declaring
    /// The handler of the transaction; nil when that has ended, since a handler may keep its transaction.
    private(set) var handler: (any TransactionHandler)?
    private let coordinator: Coordinator
    private let settlesBeforeDischarge: Bool
    /// Received messages whose outcome depends on the transaction.
    private var pending: [Delivery] = []

    init(_ coordinator: Coordinator, _ handler: any TransactionHandler, settlesBeforeDischarge: Bool) {
        self.coordinator = coordinator
        self.handler = handler
        self.settlesBeforeDischarge = settlesBeforeDischarge
    }

    /// The id that the peer gave the transaction; nil before it is declared, and from `commit` or `abort` on.
    public var id: [UInt8]? {
        if case .open(let id) = state { id } else { nil }
    }

    var isOpen: Bool { id != nil }

    /// The maximum size of an id, in bytes: each transfer has it in its performative, which must fit into a frame of 512 bytes,
    /// the smallest that a peer may require. Proton 0.37 does not check that, and would send memory beyond the message.
    static let maxIDSize = 256

    // MARK: Using it

    /// Sends a message in the transaction: the peer gets it when the transaction commits.
    ///
    /// This also holds for a link whose messages are sent settled (`.atMostOnce`) (AMQP 1.0, 4.4.1).
    /// - Throws: `ProtonError.Code.invalidArgument` before the transaction is declared, after `commit` or `abort`, and if the
    ///   sender is on another connection; `.transactionFailed` if the transaction ended with its connection or with the link to
    ///   its coordinator; as `Sender.send`.
    @discardableResult
    public func send(_ sender: Sender, _ message: Message) throws -> Delivery {
        let id = try openID()
        try require(sender)
        return try sender.send(message, state: .transactional(id: id))
    }

    /// Accepts a message in the transaction: this takes effect when it commits, and the message is released if it does not.
    /// - Throws: as `update(_:_:)`.
    public func accept(_ delivery: Delivery) throws {
        try update(delivery, .accepted)
    }

    /// Sets the outcome of a received message, which takes effect when the transaction commits (AMQP 1.0, 4.4.3).
    /// - Throws: `ProtonError.Code.invalidArgument` before the transaction is declared, after `commit` or `abort`, and for a
    ///   message that was sent or is of another connection; `.transactionFailed` if the transaction ended with its connection or
    ///   with the link to its coordinator.
    public func update(_ delivery: Delivery, _ outcome: Outcome) throws {
        let id = try openID()
        try require(delivery.link)
        guard delivery.link.isReceiver else {
            throw ProtonError(.invalidArgument, "An outcome is given to messages that came in: this one was sent.")
        }
        delivery.update(.transactional(id: id, outcome: outcome))
        if settlesBeforeDischarge { delivery.settle() } else { pending.append(delivery) }
    }

    /// Requests the commit of the transaction; `onTransactionCommitted`, `onTransactionCommitFailed` or `onTransactionInDoubt`
    /// follows.
    /// - Throws: `ProtonError.Code.invalidArgument` before the transaction is declared, and after `commit` or `abort`;
    ///   `.transactionFailed` if it ended with its connection or with the link to its coordinator.
    public func commit() throws {
        try discharge(.committing, fail: false)
    }

    /// Requests the rollback of the transaction; `onTransactionAborted` follows.
    /// - Throws: as `commit()`.
    public func abort() throws {
        try discharge(.aborting, fail: true)
    }

    private func discharge(_ next: State, fail: Bool) throws {
        let id = try openID()
        state = next
        try coordinator.request(.discharge(id: id, fail: fail), for: self)
    }

    private func openID() throws -> [UInt8] {
        switch state {
        case .open(let id): return id
        case .declaring:
            throw ProtonError(
                .invalidArgument, "The transaction is not declared yet: use it from onTransactionDeclared on.")
        case .ended(.lost):
            throw ProtonError(
                .transactionFailed,
                "The transaction ended with its connection or the link to its coordinator: declare another one.")
        case .committing, .aborting, .ended:
            throw ProtonError(.invalidArgument, "The transaction has ended: declare another one.")
        }
    }

    private func require(_ link: Link) throws {
        guard link.connection === coordinator.connection else {
            throw ProtonError(.invalidArgument, "The \(link.title) is on another connection than the transaction.")
        }
    }

    // MARK: Its end

    /// A callback of a handler, to be made when the state has changed.
    typealias Callback = ((any TransactionHandler)?, TransactionEvent) throws -> Void

    /// Handles the peer's answer to the pending request.
    /// - Returns: the callback that reports it.
    func answered(_ answer: DeliveryState?) -> Callback? {
        switch (state, answer) {
        case (.declaring, .declared(let id)) where id.count <= Self.maxIDSize:
            state = .open(id: id)
            return { try $0?.onTransactionDeclared($1) }
        case (.declaring, _): return end(.undeclared) { try $0?.onTransactionDeclareFailed($1) }
        case (.aborting, _): return end(.aborted) { try $0?.onTransactionAborted($1) }
        case (.committing, .outcome(.accepted)): return end(.committed) { try $0?.onTransactionCommitted($1) }
        case (.committing, .outcome): return end(.aborted) { try $0?.onTransactionCommitFailed($1) }
        case (.committing, _): return end(.inDoubt) { try $0?.onTransactionInDoubt($1) }
        case (.open, _), (.ended, _): return nil
        }
    }

    /// The link to the coordinator has ended, or the connection was lost.
    /// - Parameters:
    ///   - isAnswerDue: whether the pending request was sent.
    ///   - condition: the condition with which the peer closed the link.
    func cutOff(isAnswerDue: Bool, _ condition: Condition?) -> Callback? {
        // A coordinator that cannot reject a discharge closes its link with the reason (4.3).
        let isRolledBack = condition?.name.name.hasPrefix("amqp:transaction:") == true
        switch state {
        case .declaring: return end(.undeclared) { try $0?.onTransactionDeclareFailed($1) }
        case .open: return end(.lost) { try $0?.onTransactionLost($1) }
        case .committing where isAnswerDue && !isRolledBack: return end(.inDoubt) { try $0?.onTransactionInDoubt($1) }
        case .committing: return end(.aborted) { try $0?.onTransactionCommitFailed($1) }
        case .aborting: return end(.aborted) { try $0?.onTransactionAborted($1) }
        case .ended: return nil
        }
    }

    private func end(_ ending: Ending, _ callback: @escaping Callback) -> Callback {
        end(ending)
        return callback
    }

    /// Settles the received messages: with their outcome, or as released.
    func end(_ ending: Ending) {
        for delivery in pending {
            if case .committed = ending { delivery.settle() } else { delivery.settle(.released) }
        }
        state = .ended(ending)
        handler = nil
        pending = []
    }
}

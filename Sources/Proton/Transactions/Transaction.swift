public import AMQP
public import ProtonEngine

/// A local transaction: messages sent and accepted in it count together, or not at all (AMQP 1.0, 4.2).
///
/// `Container.declareTransaction` makes one; it can be used once `onTransactionDeclared` has been called, until `commit`
/// or `abort`. It belongs to its connection's domain.
public final class Transaction {
    enum State {
        /// The peer has not answered yet.
        case declaring
        case open(id: [UInt8])
        /// The end is asked for.
        case discharging(failing: Bool)
        case ended
    }

    var state = State.declaring
    /// What is told of the transaction; nil once that has ended, since a handler may keep its transaction.
    private(set) var handler: (any TransactionHandler)?
    private let coordinator: Coordinator
    private let settlesBeforeDischarge: Bool
    /// Messages that came in, and whose outcome depends on the transaction's.
    private var pending: [Delivery] = []

    init(_ coordinator: Coordinator, _ handler: any TransactionHandler, settlesBeforeDischarge: Bool) {
        self.coordinator = coordinator
        self.handler = handler
        self.settlesBeforeDischarge = settlesBeforeDischarge
    }

    /// The name that the peer gave the transaction; nil before it is declared, and after it ended.
    public var id: [UInt8]? {
        if case .open(let id) = state { id } else { nil }
    }

    /// Sends a message in the transaction: it is the peer's once that commits.
    /// - Throws: `ProtonError.Code.invalidArgument` where the transaction is not open; as `Sender.send` does.
    @discardableResult
    public func send(_ sender: Sender, _ message: Message) throws -> Delivery {
        let id = try openID()
        let delivery = try sender.send(message)
        delivery.update(.transactional(id: id, outcome: nil))
        return delivery
    }

    /// Accepts a message in the transaction: it is this side's once that commits, and is released if it does not.
    /// - Throws: `ProtonError.Code.invalidArgument` where the transaction is not open.
    public func accept(_ delivery: Delivery) throws {
        try update(delivery, .accepted)
    }

    /// Gives a message an outcome that holds once the transaction commits.
    /// - Throws: `ProtonError.Code.invalidArgument` where the transaction is not open.
    public func update(_ delivery: Delivery, _ outcome: Outcome) throws {
        delivery.update(.transactional(id: try openID(), outcome: outcome))
        if settlesBeforeDischarge { delivery.settle() } else { pending.append(delivery) }
    }

    /// Asks the peer to let hold what was done in the transaction; `onTransactionCommitted` or
    /// `onTransactionCommitFailed` follows.
    /// - Throws: `ProtonError.Code.invalidArgument` where the transaction is not open.
    public func commit() throws {
        try discharge(failing: false)
    }

    /// Asks the peer to undo what was done in the transaction; `onTransactionAborted` follows.
    /// - Throws: `ProtonError.Code.invalidArgument` where the transaction is not open.
    public func abort() throws {
        try discharge(failing: true)
    }

    private func discharge(failing: Bool) throws {
        let id = try openID()
        state = .discharging(failing: failing)
        try coordinator.request(.discharge(id: id, fail: failing), for: self)
    }

    private func openID() throws -> [UInt8] {
        switch state {
        case .open(let id): return id
        case .declaring:
            throw ProtonError(
                .invalidArgument, "The transaction is not there yet: use it from onTransactionDeclared on.")
        case .discharging, .ended:
            throw ProtonError(.invalidArgument, "The transaction has ended: declare another one.")
        }
    }

    /// Lets go of the messages that came in: with their outcome, or back to where they came from.
    func end(committed: Bool) {
        for delivery in pending {
            if committed { delivery.settle() } else { delivery.settle(.released) }
        }
        forget()
    }

    /// Its connection is over, and nobody is told.
    func forget() {
        state = .ended
        handler = nil
        pending = []
    }
}

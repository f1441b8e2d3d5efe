import AMQP
public import ProtonEngine

/// The link to a peer's transaction coordinator, and what was asked on it (AMQP 1.0, 4.3).
final class Coordinator: MessagingHandler {
    enum Request {
        case declare
        case discharge(id: [UInt8], fail: Bool)

        var message: Message {
            switch self {
            case .declare:
                Message(body: Request.body("amqp:declare:list", [.null]))
            case .discharge(let id, let fail):
                Message(body: Request.body("amqp:discharge:list", [.binary(id), .boolean(fail)]))
            }
        }

        private static func body(_ descriptor: Symbol, _ fields: [AMQPValue]) -> Message.Body {
            .value(.described(Described(descriptor: .symbol(descriptor), value: .list(fields))))
        }
    }

    private let link: Sender
    /// What waits for credit.
    private var waiting: [(request: Request, transaction: Transaction)] = []
    /// What the peer has not answered.
    private var asked: [Delivery: Transaction] = [:]
    /// Transactions that are open: they end with the connection.
    private var open: [ObjectIdentifier: Transaction] = [:]
    private var wasOpened = false

    init(_ connection: Connection) throws {
        link = try connection.session().makeSender(name: "txn-ctrl-\(connection.container.id)")
        link.target.kind = .coordinator
        link.target.capabilities = ["amqp:local-transactions"]
        link.eventHandler = HandlerPipeline(self)
        link.open()
    }

    /// Whether requests can still be made.
    var isUsable: Bool { link.isLocalOpen }

    func request(_ request: Request, for transaction: Transaction) throws {
        guard isUsable else { throw ProtonError(.closed, "The link to the peer's transaction coordinator is closed.") }
        waiting.append((request, transaction))
        try send()
    }

    private func send() throws {
        while link.credit > 0, !waiting.isEmpty {
            let next = waiting.removeFirst()
            asked[try link.send(next.request.message)] = next.transaction
        }
    }

    // MARK: MessagingHandler

    func onSendable(_ event: SenderEvent) throws {
        try send()
    }

    func onSettled(_ event: DeliveryEvent) throws {
        guard let transaction = asked.removeValue(forKey: event.delivery) else { return }
        try finish(transaction, event.delivery.remoteState)
    }

    /// The link has come back on a new transport: what was open on the old one is undone.
    func onLinkOpened(_ event: LinkEvent) throws {
        guard exchange(&wasOpened, with: true) else { return }
        try failAll(Condition(.connectionForced, "the connection was lost"))
    }

    func onLinkError(_ event: LinkEvent) throws {
        try failAll(event.link.remoteCondition)
    }

    func onLinkClosing(_ event: LinkEvent) throws {
        try failAll(nil)
    }

    /// Its connection is over, and nobody is told.
    fileprivate func drop() {
        let transactions = waiting.map(\.transaction) + asked.values + open.values
        for transaction in transactions { transaction.forget() }
        (waiting, asked, open) = ([], [:], [:])
    }

    // MARK: Answers

    private func finish(_ transaction: Transaction, _ answer: DeliveryState?) throws {
        let condition: Condition? = if case .outcome(.rejected(let condition)) = answer { condition } else { nil }
        var event = TransactionEvent(transaction: transaction, connection: link.connection, condition: condition)
        let handler = transaction.handler
        switch (transaction.state, answer) {
        case (.declaring, .declared(let id)):
            transaction.state = .open(id: id)
            open[ObjectIdentifier(transaction)] = transaction
            try handler?.onTransactionDeclared(event)
        case (.declaring, _):
            transaction.end(committed: false)
            if case .outcome(.accepted) = answer {
                event.hint = "the peer took the request for a message: it does no transactions."
            }
            try handler?.onTransactionDeclareFailed(event)
        case (.discharging(let failing), _):
            open[ObjectIdentifier(transaction)] = nil
            let isDone = answer?.outcome == .accepted
            transaction.end(committed: isDone && !failing)
            if failing {
                try handler?.onTransactionAborted(event)
            } else if isDone {
                try handler?.onTransactionCommitted(event)
            } else {
                try handler?.onTransactionCommitFailed(event)
            }
        case (.open, _), (.ended, _):
            break
        }
    }

    /// The peer is gone, or does no transactions: those that were begun are undone, and those asked for do not begin.
    private func failAll(_ condition: Condition?) throws {
        let isOver = !isUsable || link.isRemoteClosed
        let unanswered = Array(exchange(&asked, with: [:]).values)
        let unsent = isOver ? exchange(&waiting, with: []).map(\.transaction) : []
        for transaction in exchange(&open, with: [:]).values {
            if case .open = transaction.state { transaction.end(committed: false) }
        }
        for transaction in unanswered + unsent {
            let event = TransactionEvent(
                transaction: transaction, connection: link.connection, condition: condition)
            let handler = transaction.handler
            switch transaction.state {
            case .declaring:
                transaction.end(committed: false)
                try handler?.onTransactionDeclareFailed(event)
            case .discharging(failing: true):
                transaction.end(committed: false)
                try handler?.onTransactionAborted(event)
            case .discharging(failing: false):
                transaction.end(committed: false)
                try handler?.onTransactionCommitFailed(event)
            case .open, .ended: break
            }
        }
    }
}

extension Connection {
    /// Lets go of the link for transactions, which keeps the connection, and of what was asked on it: the connection is
    /// over.
    func dropCoordinator() {
        guard let context, let coordinator = exchange(&context.coordinator, with: nil) else { return }
        coordinator.drop()
    }
}

extension Container {
    /// Asks a peer to begin a transaction; `handler` is told when it has, and how it ended.
    /// - Parameters:
    ///   - connection: where; all of its sessions and links can take part.
    ///   - settlesBeforeDischarge: whether messages that come in are settled as soon as they are accepted in the
    ///     transaction, rather than when it ends. Default false.
    /// - Returns: the transaction, which is to be used once `onTransactionDeclared` is called.
    /// - Throws: `ProtonError.Code.closed` where the connection is over.
    @discardableResult
    public func declareTransaction(
        _ connection: Connection, handler: any TransactionHandler, settlesBeforeDischarge: Bool = false
    ) throws -> Transaction {
        let coordinator = try coordinator(of: connection)
        let transaction = Transaction(coordinator, handler, settlesBeforeDischarge: settlesBeforeDischarge)
        try coordinator.request(.declare, for: transaction)
        return transaction
    }

    private func coordinator(of connection: Connection) throws -> Coordinator {
        if let coordinator = connection.context?.coordinator, coordinator.isUsable { return coordinator }
        let coordinator = try Coordinator(connection)
        connection.context?.coordinator = coordinator
        return coordinator
    }
}

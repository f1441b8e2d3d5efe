// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
public import ProtonEngine
import ProtonUtilities

/// The link to a peer's transaction coordinator, and its requests (AMQP 1.0, 4.3).
///
/// It belongs to its connection's domain.
final class Coordinator: MessagingHandler {
    struct Request {
        enum Kind {
            case declare
            case discharge(id: [UInt8], fail: Bool)
        }

        let kind: Kind
        let transaction: Transaction

        var isDeclare: Bool {
            if case .declare = kind { true } else { false }
        }

        var message: Message {
            switch kind {
            case .declare: Message(body: Request.body("amqp:declare:list", [.null]))
            case .discharge(let id, let fail):
                Message(body: Request.body("amqp:discharge:list", [.binary(id), .boolean(fail)]))
            }
        }

        private static func body(_ descriptor: Symbol, _ fields: [AMQPValue]) -> Message.Body {
            .value(.described(Described(descriptor: .symbol(descriptor), value: .list(fields))))
        }
    }

    private let link: Sender
    /// Whether the peer has attached the link on the current transport.
    private var isAttached = false
    /// Requests that wait for credit.
    private var unsent: [Request] = []
    /// Requests that the peer has not answered.
    private var unanswered: [Delivery: Request] = [:]
    /// Transactions for which no discharge was requested.
    private var open: [ObjectIdentifier: Transaction] = [:]

    init(_ connection: Connection) throws {
        // A name is unique between two containers (2.6.1): each connection has its own link.
        link = try connection.session().makeSender(name: connection.container.uniqueName(nil, "txn-ctrl"))
        link.source.outcomes = ["amqp:accepted:list", "amqp:rejected:list"]
        link.target.kind = .coordinator
        link.target.capabilities = ["amqp:local-transactions"]
        link.eventHandler = HandlerPipeline(self)
        link.open()
    }

    /// The connection of the transactions.
    var connection: Connection { link.connection }

    /// Whether requests can still be made.
    var isUsable: Bool { link.isLocalOpen }

    func request(_ kind: Request.Kind, for transaction: Transaction) throws {
        guard isUsable else { throw ProtonError(.closed, "The link to the peer's transaction coordinator is closed.") }
        open[ObjectIdentifier(transaction)] = nil
        unsent.append(Request(kind: kind, transaction: transaction))
        try send()
    }

    private func send() throws {
        while isAttached, link.credit > 0, !unsent.isEmpty {
            let request = unsent.removeFirst()
            unanswered[try link.send(request.message)] = request
        }
    }

    // MARK: Answers

    func onLinkOpened(_ event: LinkEvent) { isAttached = true }
    func onSendable(_ event: SenderEvent) throws { try send() }

    // A peer may leave it to this side to settle.
    func onDeliveryUpdated(_ event: DeliveryEvent) throws {
        if case .declared = event.delivery.remoteState { try answered(event.delivery) }
    }

    func onAccepted(_ event: DeliveryEvent) throws { try answered(event.delivery) }
    func onRejected(_ event: DeliveryEvent) throws { try answered(event.delivery) }
    func onReleased(_ event: DeliveryEvent) throws { try answered(event.delivery) }
    func onSettled(_ event: DeliveryEvent) throws { try answered(event.delivery) }

    private func answered(_ delivery: Delivery) throws {
        guard let transaction = unanswered.removeValue(forKey: delivery)?.transaction else { return }
        let answer = delivery.remoteState
        delivery.settle()
        let handler = transaction.handler
        guard let callback = transaction.answered(answer) else { return }
        if transaction.isOpen { open[ObjectIdentifier(transaction)] = transaction }
        let event = TransactionEvent(
            transaction: transaction, connection: connection, condition: answer?.rejection, hint: Self.hint(answer))
        try callback(handler, event)
    }

    /// The reason for an error if the peer gave no condition.
    private static func hint(_ answer: DeliveryState?) -> String {
        switch answer {
        case nil: "the peer settled the request without an outcome"
        case .declared(let id):
            "the peer gave it an id of \(id.count) bytes: at most \(Transaction.maxIDSize) are taken."
        case .outcome(.accepted): "the peer took the request for a message: it does no transactions."
        default: "the peer gave no reason"
        }
    }

    // MARK: The end of the link

    func onLinkError(_ event: LinkEvent) throws { try end(event.link.remoteCondition) }
    func onLinkClosing(_ event: LinkEvent) throws { try end(nil) }
    func onLinkDetached(_ event: LinkEvent) throws { try end(event.link.remoteCondition) }
    func onLinkFinal(_ event: LinkEvent) throws {
        try end(event.session.remoteCondition ?? connection.remoteCondition)
    }

    private func end(_ condition: Condition?) throws {
        // Before the callbacks, so that a transaction that they declare gets a new link.
        link.close()
        try endAll(condition, "the link to its coordinator ended", keepsDeclarations: false)
    }

    /// The connection is lost, and is made again: transactions that are not declared yet are declared then.
    func connectionLost() throws {
        // The remaining credit belongs to the old transport.
        isAttached = false
        try endAll(nil, "its connection was lost", keepsDeclarations: true)
    }

    private func endAll(_ condition: Condition?, _ hint: String, keepsDeclarations: Bool) throws {
        var ended = open.values.map { (transaction: $0, isSent: false) }
        var kept: [Request] = []
        for (request, isSent) in unanswered.values.map({ ($0, true) }) + unsent.map({ ($0, false) }) {
            if keepsDeclarations, request.isDeclare {
                kept.append(request)
            } else {
                ended.append((request.transaction, isSent))
            }
        }
        (unanswered, unsent, open) = ([:], kept, [:])
        // All of them end before the first callback is made, which may throw.
        let callbacks: [() throws -> Void] = ended.compactMap { transaction, isSent in
            let handler = transaction.handler
            return transaction.cutOff(isAnswerDue: isSent, condition).map { callback in
                let event = TransactionEvent(
                    transaction: transaction, connection: connection, condition: condition, hint: hint)
                return { try callback(handler, event) }
            }
        }
        for callback in callbacks { try callback() }
    }

    /// Ends all transactions without callbacks: the connection is closed.
    fileprivate func drop() {
        let requests = unsent + unanswered.values
        for transaction in requests.map(\.transaction) + open.values { transaction.end(.lost) }
        (unsent, unanswered, open) = ([], [:], [:])
    }
}

extension DeliveryState {
    /// The condition that a message was rejected with.
    fileprivate var rejection: Condition? {
        if case .outcome(.rejected(let condition)) = self { condition } else { nil }
    }
}

extension Connection {
    /// Releases the link for transactions, which keeps the connection, and its requests: the connection is closed.
    func dropCoordinator() {
        guard let context, let coordinator = exchange(&context.coordinator, with: nil) else { return }
        coordinator.drop()
    }
}

extension Container {
    /// Requests a transaction from a peer.
    /// - Parameters:
    ///   - connection: the connection; all of its sessions and links can take part.
    ///   - handler: the handler that is called when the transaction is declared, and when it has ended.
    ///   - settlesBeforeDischarge: whether received messages are settled when they are accepted in the transaction, rather than
    ///     when it ends. Default false.
    /// - Returns: the transaction, which can be used when `onTransactionDeclared` is called.
    /// - Throws: `ProtonError.Code.closed` if the connection is closed.
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

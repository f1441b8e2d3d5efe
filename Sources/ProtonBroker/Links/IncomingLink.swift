import Proton

/// A link that brings messages: accepts them once they are in their queue, and keeps the peer's credit topped up.
///
/// `@unchecked Sendable`: it is used in its home only; others call `roomIsBack` and `closeSinceDeleted`, which see to that.
final class IncomingLink: @unchecked Sendable {
    /// Where the messages go; nil where each message says so itself (the anonymous relay).
    let node: Node?
    /// Whether the node was made for this link, and goes with it.
    let ownsNode: Bool
    private let receiver: Receiver
    private let home: LinkHome
    private let nodes: NodeTable
    private let transactions: Transactions
    /// How many messages the peer may send ahead.
    private let window: Int
    @exclusivity(unchecked) private var credit = 0
    private var isOver = false

    init(_ receiver: Receiver, to node: Node?, ownsNode: Bool, broker: BrokerCore, transactions: Transactions) {
        self.receiver = receiver
        self.node = node
        self.ownsNode = ownsNode
        self.transactions = transactions
        home = LinkHome(receiver, isOnlyThread: broker.options.threads == 1)
        window = broker.options.creditWindow
        nodes = broker.nodes
    }

    /// A message, a part of one, or news of one has come.
    private func deliveryChanged(_ delivery: Delivery) {
        switch delivery.arrival() {
        case .complete:
            credit -= 1
            receive(delivery.takeBytes(), delivery)
            topUp()
        case .aborted:
            credit -= 1
            delivery.settle()
            topUp()
        case .settled: delivery.settle()
        case .incomplete, .updated, .nothing: break
        }
    }

    private func receive(_ bytes: [UInt8], _ delivery: Delivery) {
        do throws(Refusal) {
            guard !bytes.isEmpty else {
                throw Refusal(.decodeError, "A message has at least one section: this one is empty.")
            }
            let transaction: Transaction? =
                if case .transactional(let id, _)? = delivery.remoteState {
                    try transactions.find(id)
                } else {
                    nil
                }
            if let node {
                try put(bytes, into: node, transaction)
            } else {
                try nodes.withDestination(of: bytes) { node throws(Refusal) in
                    try put(bytes, into: node, transaction)
                }
            }
            if let transaction {
                // It is there once the transaction commits (AMQP 1.0, 4.4.1).
                delivery.settle(.transactional(id: transaction.id, outcome: .accepted))
            } else {
                delivery.accept()
            }
        } catch {
            delivery.reject(error.condition)
        }
    }

    private func put(_ bytes: [UInt8], into node: Node, _ transaction: Transaction?) throws(Refusal) {
        if let transaction { transaction.post(bytes, to: node) } else { try node.put(bytes) }
    }

    /// Gives credit once half of the window is used, so that one flow frame serves many messages.
    func topUp() {
        guard credit <= window / 2 else { return }
        credit = max(0, receiver.credit)
        let allowance = node?.allowance(of: window, for: self) ?? window
        guard allowance > credit else { return }
        receiver.flow(allowance - credit)
        credit = allowance
    }

    /// There is room in the queue again. Called on any of the broker's threads.
    func roomIsBack() {
        home.run { [self] in if !isOver { topUp() } }
    }

    /// The link is over.
    func end() {
        isOver = true
        node?.stopWaiting(self)
    }
}

extension IncomingLink: AttachedLink {
    func closeSinceDeleted() {
        home.run { [self] in if !isOver { receiver.close(Node.deleted) } }
    }
}

extension IncomingLink: EventHandler {
    /// Takes what comes with every message straight from the engine; the rest goes to the connection's handler.
    func handle(_ event: EngineEvent) throws {
        if case .delivery(let delivery) = event {
            deliveryChanged(delivery)
        } else {
            try receiver.connection.eventHandler.handle(event)
        }
    }
}

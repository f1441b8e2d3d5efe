import Proton

/// A link that brings messages: accepts them once they are in their queue, and keeps the peer's credit topped up.
final class IncomingLink {
    /// Where the messages go; nil where each message says so itself (the anonymous relay).
    let node: Node?
    /// Whether the node was made for this link, and goes with it.
    let ownsNode: Bool
    private let receiver: Receiver
    private let nodes: NodeTable
    private let transactions: Transactions
    /// How many messages the peer may send ahead.
    private let window: Int
    @exclusivity(unchecked) private var credit = 0
    private var isWaiting = false

    init(
        _ receiver: Receiver, to node: Node?, ownsNode: Bool, window: Int, nodes: NodeTable, transactions: Transactions
    ) {
        self.receiver = receiver
        self.node = node
        self.ownsNode = ownsNode
        self.window = window
        self.nodes = nodes
        self.transactions = transactions
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
            let node = if let node { node } else { try nodes.destination(of: bytes) }
            if case .transactional(let id, _)? = delivery.remoteState {
                try post(bytes, to: node, in: id, delivery)
            } else {
                try node.put(bytes)
                delivery.accept()
            }
        } catch {
            delivery.reject(error.condition)
        }
    }

    /// Takes a message that is to be there once its transaction commits (AMQP 1.0, 4.4.1).
    private func post(_ bytes: [UInt8], to node: Node, in id: [UInt8], _ delivery: Delivery) throws(Refusal) {
        guard let transaction = transactions[id] else { throw Transactions.unknown(id) }
        transaction.post(bytes, to: node)
        delivery.settle(.transactional(id: id, outcome: .accepted))
    }

    /// Gives credit once half of the window is used, so that one flow frame serves many messages.
    func topUp() {
        guard credit <= window / 2 else { return }
        credit = max(0, receiver.credit)
        let allowance = node?.allowance(of: window) ?? window
        if allowance > credit {
            receiver.flow(allowance - credit)
            credit = allowance
        } else if credit <= 0, !isWaiting {
            isWaiting = true
            node?.wait(self)
        }
    }

    /// There is room in the queue again.
    func roomIsBack() {
        isWaiting = false
        topUp()
    }

    /// The link is over.
    func end() {
        if isWaiting { node?.stopWaiting(self) }
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

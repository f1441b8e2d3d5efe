import Proton

/// A link that brings messages for a queue: accepts them once they are there, and keeps the peer's credit topped up.
final class IncomingLink {
    let node: Node
    /// Whether the node was made for this link, and goes with it.
    let ownsNode: Bool
    private let receiver: Receiver
    /// How many messages the peer may send ahead.
    private let window: Int
    @exclusivity(unchecked) private var credit = 0
    private var isWaiting = false

    init(_ receiver: Receiver, of node: Node, ownsNode: Bool, window: Int) {
        self.receiver = receiver
        self.node = node
        self.ownsNode = ownsNode
        self.window = window
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
        if bytes.isEmpty {
            delivery.reject(Condition(.decodeError, "A message has at least one section: this one is empty."))
        } else if node.put(bytes) {
            delivery.accept()
        } else {
            delivery.reject(Condition(.resourceLimitExceeded, "The queue is full, or the broker: send again later."))
        }
    }

    /// Gives credit once half of the window is used, so that one flow frame serves many messages.
    func topUp() {
        guard credit <= window / 2 else { return }
        credit = max(0, receiver.credit)
        let allowance = node.allowance(of: window)
        if allowance > credit {
            receiver.flow(allowance - credit)
            credit = allowance
        } else if credit <= 0, !isWaiting {
            isWaiting = true
            node.wait(self)
        }
    }

    /// There is room in the queue again.
    func roomIsBack() {
        isWaiting = false
        topUp()
    }

    /// The link is over.
    func end() {
        if isWaiting { node.stopWaiting(self) }
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

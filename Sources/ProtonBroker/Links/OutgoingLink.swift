import Proton

/// A consumer over a link: sends what its queue gives it, and tells the queue of credit and outcomes.
final class OutgoingLink: Consumer {
    let node: Node
    /// Whether the node was made for this link, and goes with it.
    let ownsNode: Bool
    private let sender: Sender
    private let maxUnsettled: Int
    /// Bytes sent since it was last looked at how many of them wait to be written.
    @exclusivity(unchecked) private var unchecked = 0

    /// How many bytes may wait to be written before a link has to wait too.
    ///
    /// Proton holds what is sent until the socket takes it, without a limit. About what it writes at a time: more
    /// would pile up in it before a slow peer.
    private static let backlogLimit = 32_768

    init(_ sender: Sender, of node: Node, ownsNode: Bool, maxUnsettled: Int, choice: Choice?) {
        self.sender = sender
        self.node = node
        self.ownsNode = ownsNode
        self.maxUnsettled = maxUnsettled
        super.init(choice: choice)
    }

    /// The peer's credit has changed, or messages were written: sends what can be sent.
    private func creditChanged() {
        updateCredit()
        node.dispatch()
        // What could not be used goes back to a peer that drains.
        if sender.isDraining, credit > 0 {
            node.setCredit(0, of: self)
            sender.drained()
        }
    }

    private func updateCredit() {
        unchecked = 0
        node.setCredit(isBacklogged ? 0 : min(sender.credit, maxUnsettled - unsettledCount), of: self)
    }

    /// Whether the link waits for bytes to be written; the event of their writing, a flow event, comes for certain.
    private var isBacklogged: Bool {
        sender.queued > 0 && sender.session.outgoingBytes >= OutgoingLink.backlogLimit
    }

    /// Sends a message that the queue chose this consumer for.
    func deliver(_ message: QueuedMessage) {
        do {
            let delivery = try sender.send(encoded: message.outgoingBytes)
            if let slot = delivery.slot {
                hold(message, in: slot)
            } else if !isBrowser {
                node.settleAtOnce(message, .removed)
            }
        } catch {
            // The link is over, or its credit is gone, which an event still to come tells.
            if !isBrowser { node.settleAtOnce(message, .returned(failed: false)) }
            node.setCredit(0, of: self)
            return
        }
        unchecked += message.bytes.count
        if unchecked >= OutgoingLink.backlogLimit / 2 {
            unchecked = 0
            if isBacklogged { node.setCredit(0, of: self) }
        }
    }

    /// The peer says something of a message that it was sent.
    private func deliveryChanged(_ delivery: Delivery) {
        guard let slot = delivery.slot, let disposal = delivery.disposal, let message = take(slot) else { return }
        delivery.settle()
        // What a browser says of its copy is of no interest.
        if !isBrowser { node.settle(message, disposal) }
        if credit == 0 { creditChanged() }
    }

    /// The link is over.
    /// - Parameter vanished: whether the peer went without closing it, so that what it had is in doubt.
    func end(vanished: Bool) {
        node.remove(self, failed: vanished)
    }
}

extension OutgoingLink: EventHandler {
    /// Takes what comes with every message straight from the engine; the rest goes to the connection's handler.
    func handle(_ event: EngineEvent) throws {
        switch event {
        case .delivery(let delivery): deliveryChanged(delivery)
        case .link(.flow, _): creditChanged()
        default: try sender.connection.eventHandler.handle(event)
        }
    }
}

extension Delivery {
    /// What the peer's word on a sent message means for its queue; nil where the word is not its last.
    fileprivate var disposal: Disposal? {
        guard let news = news() else { return nil }
        switch news.state?.outcome {
        case .accepted, .rejected: return .removed
        case .released: return .returned(failed: false)
        case .modified(let deliveryFailed, _, _): return .returned(failed: deliveryFailed)
        // Settled without an outcome: the peer has not said that it has the message.
        case nil: return news.isSettled ? .returned(failed: false) : nil
        }
    }
}

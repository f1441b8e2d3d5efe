import Proton

/// A consumer over a link: sends what its queue gives it, and tells the queue of credit and outcomes.
final class OutgoingLink: Consumer {
    let node: Node
    /// Whether the node was made for this link, and goes with it.
    let ownsNode: Bool
    private let sender: Sender
    private let nodes: NodeTable
    private let transactions: Transactions
    private let maxUnsettled: Int
    private var isOver = false
    /// Bytes sent since it was last looked at how many of them wait to be written.
    @exclusivity(unchecked) private var unchecked = 0

    /// How many bytes may wait to be written before a link has to wait too.
    ///
    /// Proton holds what is sent until the socket takes it, without a limit. About what it writes at a time: more
    /// would pile up in it before a slow peer.
    private static let backlogLimit = 32_768

    init(
        _ sender: Sender, of node: Node, ownsNode: Bool, maxUnsettled: Int, choice: Choice?, nodes: NodeTable,
        transactions: Transactions
    ) {
        self.sender = sender
        self.node = node
        self.ownsNode = ownsNode
        self.nodes = nodes
        self.transactions = transactions
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
        guard let slot = delivery.slot, let news = delivery.news() else { return }
        switch news.state {
        case .outcome(let outcome): settle(delivery, slot, outcome)
        case .transactional(let id, let outcome?): retire(delivery, slot, outcome, in: id, isSettled: news.isSettled)
        // Settled without an outcome: the peer has not said that it has the message.
        default: if news.isSettled { settle(delivery, slot, .released) }
        }
    }

    private func settle(_ delivery: Delivery, _ slot: Int, _ outcome: Outcome) {
        guard let message = take(slot) else { return }
        delivery.settle()
        dispose(of: message, outcome)
        if credit == 0 { creditChanged() }
    }

    /// The outcome of a message is to hold once a transaction commits.
    private func retire(_ delivery: Delivery, _ slot: Int, _ outcome: Outcome, in id: [UInt8], isSettled: Bool) {
        guard let transaction = transactions[id] else {
            // A disposition has no answer: the link tells.
            sender.close(Transactions.unknown(id).condition)
            return
        }
        guard let message = take(slot) else { return }
        if isSettled { delivery.settle() }
        if !isBrowser { transaction.retire(message, of: self, outcome, unsettled: isSettled ? nil : delivery) }
        if credit == 0 { creditChanged() }
    }

    /// Does what an outcome means with a message that the link had (AMQP 1.0, 3.4).
    func dispose(of message: QueuedMessage, _ outcome: Outcome) {
        // What a browser says of its copy is of no interest.
        if isBrowser { return }
        switch outcome {
        case .accepted: node.settle(message, .removed)
        case .rejected:
            node.settle(message, .removed)
            nodes.takeRejected(message.bytes, from: node)
        case .released: node.settle(message, .returned(failed: false))
        case .modified(let deliveryFailed, let undeliverableHere, let annotations):
            if undeliverableHere, !isOver { node.keep(message, from: self) }
            node.settle(message.merging(annotations), .returned(failed: deliveryFailed))
        }
    }

    /// Puts a message back that a transaction had, as a try that failed; `Node.dispatch` then sends it on.
    func giveBack(_ message: QueuedMessage) {
        node.settleAtOnce(message, .returned(failed: true))
    }

    /// The link is over.
    /// - Parameter vanished: whether the peer went without closing it, so that what it had is in doubt.
    func end(vanished: Bool) {
        isOver = true
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

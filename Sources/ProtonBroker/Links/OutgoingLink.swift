import Proton

/// A consumer over a link: sends what its queue gives it, and tells the queue of credit and outcomes.
///
/// `@unchecked Sendable`: what a consumer notes for its queue is under the queue's lock; the rest is used in the link's
/// home only. Others call `outboxIsFilled`, `searchLater`, `itsTurnHasCome`, `giveWay` and `closeSinceDeleted`, which see
/// to that.
final class OutgoingLink: Consumer, @unchecked Sendable {
    let node: Node
    let lifetime: NodeLifetime
    private let sender: Sender
    private let home: LinkHome
    private let nodes: NodeTable
    private let transactions: Transactions
    private let maxUnsettled: Int
    private var phase = Phase.waiting
    /// Ends the link for the broker; called in the link's home.
    private let endStolen: () -> Void
    /// How many more messages the queue has been told that it may send; some of them may be in the outbox already.
    @exclusivity(unchecked) private var allowance = 0
    /// Whether it is sending: what asks it to meanwhile can leave it at that.
    @exclusivity(unchecked) private var isSending = false
    /// Whether it waits for bytes to be written; the event of their writing, a flow event, comes for certain.
    @exclusivity(unchecked) private var isHeldUp = false
    /// Bytes sent since it was last looked at how many of them wait to be written.
    @exclusivity(unchecked) private var unchecked = 0

    private enum Phase {
        /// The peer's attach is not answered: the node may still be the subscriber's old link's.
        case waiting
        /// The node serves it.
        case attached
        case over
    }

    /// How many bytes may wait to be written before a link has to wait too.
    ///
    /// Proton holds what is sent until the socket takes it, without a limit: more would pile up in it before a slow peer.
    /// Measured: twice as much takes the broker 6 % more time a message, half as much 2 %.
    private static let backlogLimit = 16_384
    /// How many messages are kept for the link at a time: what is in its outbox is not for others any more.
    private static let outboxLimit = 32

    /// - Parameter endStolen: what ends the link for the broker where the subscriber has attached it elsewhere.
    init(
        _ sender: Sender, of node: Node, _ lifetime: NodeLifetime, choice: Choice?, broker: BrokerCore,
        transactions: Transactions, endStolen: @escaping () -> Void
    ) {
        self.sender = sender
        self.node = node
        self.lifetime = lifetime
        self.transactions = transactions
        self.endStolen = endStolen
        home = LinkHome(sender, isOnlyThread: broker.options.threads == 1)
        nodes = broker.nodes
        maxUnsettled = broker.options.maxUnsettled
        super.init(choice: choice)
    }

    // MARK: Attaching

    /// Answers the peer's attach: the node serves the link.
    func open() {
        phase = .attached
        sender.open()
    }

    /// Answers the peer's attach with a null source, which says that an error follows (AMQP 1.0, 2.6.3).
    private func openRefused() {
        sender.source.kind = .unspecified
        sender.open()
    }

    // MARK: Sending

    /// The peer's credit has changed, or messages were written: sends what can be sent.
    private func creditChanged() {
        guard phase == .attached else { return }
        unchecked = 0
        isHeldUp = isBacklogged
        renewAllowance()
        sendAll()
        endDrain()
    }

    /// Gives back to a peer that drains what could not be used.
    private func endDrain() {
        guard sender.isDraining, allowance > 0, !isHeldUp, !node.isSearching(for: self) else { return }
        allow(0)
        sendOutbox()
        sender.drained()
    }

    /// The search for messages that the consumer wants goes on, once others had their turn. Called on any of the
    /// broker's threads.
    func searchLater() {
        home.runLater { [self] in
            guard phase == .attached else { return }
            node.search(for: self)
            endDrain()
        }
    }

    private func renewAllowance() {
        allow(min(sender.credit, maxUnsettled - unsettledCount, OutgoingLink.outboxLimit))
        if allowance > 0 { node.dispatch() }
    }

    private func allow(_ count: Int) {
        allowance = isHeldUp ? 0 : max(0, count)
        node.setCredit(allowance, of: self)
    }

    private var isBacklogged: Bool {
        sender.queuedCount > 0 && sender.session.outgoingBytes >= OutgoingLink.backlogLimit
    }

    /// The queue has put messages into the empty outbox. Called on any of the broker's threads.
    func outboxIsFilled() {
        if home.isHere { sendAll() } else { home.runLater { [self] in if phase == .attached { sendAll() } } }
    }

    /// Sends until the queue, the credit or the peer's patience runs out.
    private func sendAll() {
        guard !isSending else { return }
        isSending = true
        sendOutbox()
        while allowance <= 0, !isHeldUp, sender.credit > 0, unsettledCount < maxUnsettled {
            renewAllowance()
            sendOutbox()
        }
        isSending = false
    }

    private func sendOutbox() {
        while !isHeldUp, let (message, hasMore) = node.takeNext(of: self) {
            send(message)
            if !hasMore { return }
        }
    }

    private func send(_ message: QueuedMessage) {
        allowance -= 1
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
            isHeldUp = true
            allow(0)
            return
        }
        unchecked += message.bytes.count
        if unchecked >= OutgoingLink.backlogLimit / 2 {
            unchecked = 0
            isHeldUp = isBacklogged
            if isHeldUp { allow(0) }
        }
    }

    // MARK: Outcomes

    /// The peer says something of a message that it was sent.
    private func deliveryChanged(_ delivery: Delivery) {
        if delivery.isNowAccepted { return settle(delivery, .accepted) }
        guard let news = delivery.news() else { return }
        switch news.state {
        case .outcome(let outcome): settle(delivery, outcome)
        case .transactional(let id, let outcome?): retire(delivery, outcome, in: id, isSettled: news.isSettled)
        // Settled without an outcome: the peer has not said that it has the message.
        default: if news.isSettled { settle(delivery, .released) }
        }
    }

    private func settle(_ delivery: Delivery, _ outcome: Outcome) {
        guard let slot = delivery.slot, let message = take(slot) else { return }
        delivery.settle()
        dispose(of: message, outcome)
        goOnAfterSettling()
    }

    /// The outcome of a message is to hold once a transaction commits.
    private func retire(_ delivery: Delivery, _ outcome: Outcome, in id: [UInt8], isSettled: Bool) {
        let transaction: Transaction
        do throws(Refusal) {
            transaction = try transactions.find(id)
        } catch {
            // A disposition has no answer: the link tells.
            return sender.close(error.condition)
        }
        guard let slot = delivery.slot, let message = take(slot) else { return }
        if isSettled { delivery.settle() }
        if !isBrowser { transaction.retire(message, of: self, outcome, unsettled: isSettled ? nil : delivery) }
        goOnAfterSettling()
    }

    /// What has kept it from sending may have been what the peer had not settled.
    private func goOnAfterSettling() {
        guard allowance <= 0 else { return }
        sendAll()
        // No event follows where there is nothing to send any more.
        endDrain()
    }

    /// Does what an outcome means with a message that the link had (AMQP 1.0, 3.4).
    /// - Returns: the number of the change that the store has to write for that.
    @discardableResult
    func dispose(of message: QueuedMessage, _ outcome: Outcome) -> StoreTicket {
        // What a browser says of its copy is of no interest.
        if isBrowser { return StoreTicket() }
        switch outcome {
        case .accepted: return node.settle(message, .removed)
        case .rejected:
            // First into the other queue: there is no moment at which the message is in none.
            nodes.takeRejected(message.bytes, from: node)
            return node.settle(message, .removed)
        case .released: return node.settle(message, .returned(failed: false))
        case .modified(let deliveryFailed, let undeliverableHere, let annotations):
            if undeliverableHere, phase != .over { node.keep(message, from: self) }
            return node.settle(message.merging(annotations), .returned(failed: deliveryFailed))
        }
    }

    /// Puts a message back that a transaction had, as a try that failed; `Node.dispatch` then sends it on.
    func giveBack(_ message: QueuedMessage) {
        node.settleAtOnce(message, .returned(failed: true))
    }

    // MARK: The end

    /// The link is over.
    /// - Parameter vanished: whether the peer went without closing it, so that what it had is in doubt.
    func end(vanished: Bool) {
        phase = .over
        node.remove(self, failed: vanished)
    }
}

extension OutgoingLink: AttachedLink {
    var role: LinkRole { isBrowser ? .browser : .consumer }
    var isSubscriber: Bool { lifetime == .subscription }

    func itsTurnHasCome() {
        home.run { [self] in
            guard phase == .waiting else { return }
            open()
            // What the peer has said of its credit meanwhile.
            creditChanged()
        }
    }

    func giveWay() {
        home.run { [self] in
            let stolen = Condition(.linkStolen, "The link is attached by another connection or session now.")
            switch phase {
            case .waiting:
                endStolen()
                openRefused()
                sender.close(stolen)
            case .attached:
                // First of all what it has not settled goes back: the next link is served then.
                endStolen()
                sender.detach(stolen)
            case .over: break
            }
        }
    }

    func closeSinceDeleted() {
        home.run { [self] in
            if phase == .over { return }
            if phase == .waiting { openRefused() }
            sender.close(Node.deleted)
        }
    }
}

extension OutgoingLink: EventHandler {
    /// Takes what comes with every message straight from the engine; the rest goes to the connection's handler.
    func handle(_ delivery: Delivery) { deliveryChanged(delivery) }

    func handle(_ event: EngineEvent) throws {
        if case .link(.flow, _) = event { creditChanged() } else { try sender.connection.eventHandler.handle(event) }
    }
}

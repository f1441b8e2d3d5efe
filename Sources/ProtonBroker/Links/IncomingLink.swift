import Proton

/// A link that brings messages: accepts them once they are in their queue, and keeps the peer's credit topped up.
///
/// `@unchecked Sendable`: it is used in its home only; others call `roomIsBack` and `closeSinceDeleted`, which see to that.
final class IncomingLink: @unchecked Sendable {
    /// Where the messages go.
    enum Destination {
        /// Into a queue.
        case node(Node, NodeLifetime)
        /// To all who have subscribed.
        case topic(Topic)
        /// Where each message says itself: the anonymous relay.
        case relay

        /// The address of the node; nil where there is none.
        var address: String? {
            switch self {
            case .node(let node, _): node.address
            case .topic(let topic): topic.address
            case .relay: nil
            }
        }
    }

    let destination: Destination
    private let receiver: Receiver
    private let home: LinkHome
    private let nodes: NodeTable
    private let limitLog: LimitLog
    private let transactions: Transactions
    /// How many messages the peer may send ahead.
    private let window: Int
    @exclusivity(unchecked) private var credit = 0
    /// What is accepted once it is on disk.
    private var deferred: DeferredSettlements?
    private var isOver = false

    init(_ receiver: Receiver, to destination: Destination, broker: BrokerCore, transactions: Transactions) {
        self.receiver = receiver
        self.destination = destination
        self.transactions = transactions
        home = LinkHome(receiver, isOnlyThread: broker.options.threads == 1)
        window = broker.options.creditWindow
        nodes = broker.nodes
        limitLog = broker.limitLog
        if let progress = broker.storeProgress {
            deferred = DeferredSettlements(progress, home: home) { [unowned self] in topUp() }
        }
    }

    // MARK: Messages

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
            if delivery.hasRemoteState, case .transactional(let id, _)? = delivery.remoteState {
                let transaction = try transactions.find(id)
                do throws(Refusal) {
                    try post(bytes, in: transaction)
                } catch {
                    transaction.fail(error)
                    throw error
                }
                // It is there once the transaction commits (AMQP 1.0, 4.4.1).
                delivery.settle(.transactional(id: id, outcome: .accepted))
            } else {
                let ticket = try put(bytes)
                if ticket.isNone { delivery.accept() } else { deferred?.settle(delivery, .accepted, after: ticket) }
            }
        } catch {
            delivery.reject(error.condition)
            if error.isLimit { limitLog.note(.message, error.reason, address: destination.address) }
        }
    }

    private func put(_ bytes: [UInt8]) throws(Refusal) -> StoreTicket {
        switch destination {
        case .node(let node, _): try node.put(bytes)
        case .topic(let topic): try topic.publish(bytes)
        case .relay:
            try nodes.withDestination(of: bytes) { destination throws(Refusal) in
                switch destination {
                case .node(let node): try node.put(bytes)
                case .topic(let address): try Topic(address, nodes.topics).publish(bytes)
                }
            }
        }
    }

    private func post(_ bytes: [UInt8], in transaction: Transaction) throws(Refusal) {
        func post(to topic: Topic) {
            for node in topic.subscriptions(wanting: bytes) { transaction.post(bytes, to: node) }
        }
        switch destination {
        case .node(let node, _): transaction.post(bytes, to: node)
        case .topic(let topic): post(to: topic)
        case .relay:
            try nodes.withDestination(of: bytes) { destination in
                switch destination {
                case .node(let node): transaction.post(bytes, to: node)
                case .topic(let address): post(to: Topic(address, nodes.topics))
                }
            }
        }
    }

    // MARK: Credit

    /// Gives credit once half of the window is used, so that one flow frame serves many messages.
    func topUp() {
        guard credit <= window / 2 else { return }
        credit = max(0, receiver.credit)
        var allowance = window
        if case .node(let node, _) = destination { allowance = node.allowance(of: window, for: self) }
        if allowance == 0 { limitLog.note(.credit, "The queue is full.", address: destination.address) }
        if let deferred { allowance = min(allowance, window - deferred.count) }
        guard allowance > credit else { return }
        receiver.grant(allowance - credit)
        credit = allowance
    }

    /// There is room in the queue again. Called on any of the broker's threads.
    func roomIsBack() {
        home.run { [self] in if !isOver { topUp() } }
    }

    /// The link is over.
    func end() {
        isOver = true
        deferred?.end()
        if case .node(let node, _) = destination { node.stopWaiting(self) }
    }
}

extension IncomingLink: AttachedLink {
    var role: LinkRole { .sender }
    var isSubscriber: Bool { false }

    // It neither waits for another link nor takes the place of one.
    func itsTurnHasCome() {}
    func giveWay() {}

    func closeSinceDeleted() {
        home.run { [self] in if !isOver { receiver.close(Node.deleted) } }
    }
}

extension IncomingLink: EventHandler {
    /// Takes what comes with every message straight from the engine; the rest goes to the connection's handler.
    func handle(_ delivery: Delivery) { deliveryChanged(delivery) }

    func handle(_ event: EngineEvent) throws {
        if case .link(.failed, _) = event {
            limitLog.note(.message, "\(receiver.condition?.description ?? "")", address: destination.address)
        }
        try receiver.connection.eventHandler.handle(event)
    }
}

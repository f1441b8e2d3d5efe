import Logging
import Proton

/// What the broker does for one connection: turns the opening and closing of its sessions and links into consumers of
/// queues and senders to them.
final class ConnectionHandler: Handler {
    private let broker: BrokerCore
    private let transactions: Transactions
    private let logger = Logger(label: "proton.broker")

    init(_ broker: BrokerCore) {
        self.broker = broker
        transactions = Transactions(limits: broker.options.transactionLimits, nodes: broker.nodes)
    }

    // MARK: Connections and sessions

    func onConnectionRemoteOpen(_ event: ConnectionEvent) {
        event.connection.offeredCapabilities = broker.options.connection.offeredCapabilities + ["ANONYMOUS-RELAY"]
        event.connection.open()
    }

    func onSessionRemoteOpen(_ event: SessionEvent) { event.session.open() }

    func onSessionRemoteClose(_ event: SessionEvent) {
        end(event.connection.links.filter { $0.session === event.session }, vanished: false)
        event.session.close()
    }

    func onConnectionRemoteClose(_ event: ConnectionEvent) {
        end(event.connection.links, vanished: false)
        event.connection.close()
    }

    func onTransportClosed(_ event: TransportEvent) {
        end(event.connection.links, vanished: true)
    }

    // MARK: Links

    func onLinkRemoteOpen(_ event: LinkEvent) {
        let link = event.link
        guard link.isLocalUninitialized else { return }
        do throws(Refusal) {
            if let sender = event.sender {
                try attach(sender)
            } else if let receiver = event.receiver {
                try attach(receiver)
            }
        } catch {
            refuse(link, error)
        }
    }

    func onLinkRemoteClose(_ event: LinkEvent) {
        end(event.link, vanished: false)
        event.link.close()
    }

    /// A link cannot be resumed: a peer that leaves it without closing it is told that it is closed.
    func onLinkRemoteDetach(_ event: LinkEvent) {
        end(event.link, vanished: false)
        event.link.close()
    }

    /// Comes here of links that are refused or closed already: what the peer sent meanwhile is read and given back.
    func onDelivery(_ event: DeliveryEvent) {
        if case .complete = event.delivery.arrival() { _ = event.delivery.takeBytes() }
        event.delivery.settle(.released)
    }

    // MARK: Attaching

    private func attach(_ sender: Sender) throws(Refusal) {
        let filter = try SourceFilter.find(in: sender.remoteSource.filter)
        let isBrowser = sender.remoteSource.distributionMode == .copy
        let (node, isOwner) = try queue(for: sender.remoteSource)
        sender.source.address = node.address
        sender.source.isDynamic = isOwner
        // What of the peer's wishes is followed, is said (AMQP 1.0, 3.5.3).
        sender.source.filter = filter?.echo ?? [:]
        sender.source.distributionMode = sender.remoteSource.distributionMode
        sender.target.copy(sender.remoteTarget)
        sender.senderSettleMode = sender.remoteSenderSettleMode == .settled ? .settled : .unsettled
        let choice = filter != nil || isBrowser ? Choice(selector: filter?.selector, isBrowser: isBrowser) : nil
        let link = OutgoingLink(
            sender, of: node, ownsNode: isOwner, choice: choice, broker: broker, transactions: transactions)
        sender.eventHandler = link
        node.attach(link)
        node.add(link)
        sender.open()
    }

    private func attach(_ receiver: Receiver) throws(Refusal) {
        var (node, isOwner): (Node?, Bool) = (nil, false)
        switch try receiver.remoteTarget.request() {
        case .dynamicNode: (node, isOwner) = (try broker.nodes.makeDynamicNode(), true)
        case .node(let address): node = try broker.nodes.use(address)
        case .relay: break
        case .coordinator: return attachCoordinator(receiver)
        }
        receiver.target.address = node?.address
        receiver.target.isDynamic = isOwner
        receiver.source.copy(receiver.remoteSource)
        receiver.senderSettleMode = receiver.remoteSenderSettleMode
        receiver.maxMessageSize = UInt64(broker.options.connection.limits.maxMessageSize)
        let link = IncomingLink(receiver, to: node, ownsNode: isOwner, broker: broker, transactions: transactions)
        receiver.eventHandler = link
        node?.attach(link)
        receiver.open()
        link.topUp()
    }

    private func attachCoordinator(_ receiver: Receiver) {
        receiver.target.copy(receiver.remoteTarget)
        receiver.target.capabilities = CoordinatorLink.capabilities
        receiver.source.copy(receiver.remoteSource)
        let link = CoordinatorLink(receiver, transactions)
        receiver.eventHandler = link
        receiver.open()
        link.topUp()
    }

    /// The node that a consumer asks for, and whether it was made for the link.
    private func queue(for source: Terminus) throws(Refusal) -> (Node, Bool) {
        switch try source.request() {
        case .dynamicNode: (try broker.nodes.makeDynamicNode(), true)
        case .node(let address): (try broker.nodes.use(address), false)
        case .relay, .coordinator: throw Refusal(.invalidField, "A source cannot be that: attach to an address.")
        }
    }

    /// Answers with a null terminus, which says that an error follows (AMQP 1.0, 2.6.3), and with the error.
    private func refuse(_ link: Link, _ refusal: Refusal) {
        if link.isSender { link.source.kind = .unspecified } else { link.target.kind = .unspecified }
        link.open()
        link.close(refusal.condition)
        logger.debug(
            "refused a link: \(refusal.condition.description ?? refusal.condition.name.name)",
            metadata: [
                "peer": "\(link.connection.transport?.remoteAddress ?? "unknown")",
                "link": "\(link.name.escapedForLog)",
            ])
    }

    /// Forgets links that are over. Coordinators come last: what they roll back is not for consumers that go as well.
    private func end(_ links: [Link], vanished: Bool) {
        let isCoordinator = { (link: Link) in link.eventHandler is CoordinatorLink }
        for link in links where !isCoordinator(link) { end(link, vanished: vanished) }
        for link in links where isCoordinator(link) { end(link, vanished: vanished) }
    }

    /// Forgets a link that is over, and its node where nobody else needs it.
    private func end(_ link: Link, vanished: Bool) {
        defer { link.eventHandler = nil }
        switch link.eventHandler {
        case let outgoing as OutgoingLink:
            outgoing.end(vanished: vanished)
            leave(outgoing.node, outgoing, isOwner: outgoing.ownsNode)
        case let incoming as IncomingLink:
            incoming.end()
            if let node = incoming.node { leave(node, incoming, isOwner: incoming.ownsNode) }
        case let coordinator as CoordinatorLink: coordinator.end()
        default: break
        }
    }

    private func leave(_ node: Node, _ link: any AttachedLink, isOwner: Bool) {
        node.detach(link)
        if isOwner { broker.nodes.delete(node) } else { broker.nodes.release(node) }
    }
}

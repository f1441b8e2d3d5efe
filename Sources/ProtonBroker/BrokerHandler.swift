import Logging
import Proton

/// Turns the opening and closing of connections, sessions and links into consumers of queues and senders to them.
final class BrokerHandler: Handler {
    private let options: BrokerOptions
    private let nodes: NodeTable
    private let logger = Logger(label: "proton.broker")

    init(_ options: BrokerOptions) {
        self.options = options
        nodes = NodeTable(options)
    }

    // MARK: Connections and sessions

    func onConnectionRemoteOpen(_ event: ConnectionEvent) { event.connection.open() }

    func onSessionRemoteOpen(_ event: SessionEvent) { event.session.open() }

    func onSessionRemoteClose(_ event: SessionEvent) {
        for link in event.connection.links where link.session === event.session { end(link, vanished: false) }
        event.session.close()
    }

    func onConnectionRemoteClose(_ event: ConnectionEvent) {
        for link in event.connection.links { end(link, vanished: false) }
        event.connection.close()
    }

    func onTransportClosed(_ event: TransportEvent) {
        for link in event.connection.links { end(link, vanished: true) }
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
        let (node, isOwner) = try node(for: sender.remoteSource)
        sender.source.address = node.address
        sender.source.isDynamic = isOwner
        // What of the peer's wishes is followed, is said (AMQP 1.0, 3.5.3).
        sender.source.filter = filter?.echo ?? [:]
        sender.source.distributionMode = sender.remoteSource.distributionMode
        sender.target.copy(sender.remoteTarget)
        sender.senderSettleMode = sender.remoteSenderSettleMode == .settled ? .settled : .unsettled
        let choice = filter != nil || isBrowser ? Choice(selector: filter?.selector, isBrowser: isBrowser) : nil
        let link = OutgoingLink(
            sender, of: node, ownsNode: isOwner, maxUnsettled: options.maxUnsettled, choice: choice)
        sender.eventHandler = link
        node.attach(sender)
        node.add(link)
        sender.open()
    }

    private func attach(_ receiver: Receiver) throws(Refusal) {
        let (node, isOwner) = try node(for: receiver.remoteTarget)
        receiver.target.address = node.address
        receiver.target.isDynamic = isOwner
        receiver.source.copy(receiver.remoteSource)
        receiver.senderSettleMode = receiver.remoteSenderSettleMode
        receiver.maxMessageSize = UInt64(options.connection.limits.maxMessageSize)
        let link = IncomingLink(receiver, of: node, ownsNode: isOwner, window: options.creditWindow)
        receiver.eventHandler = link
        node.attach(receiver)
        receiver.open()
        link.topUp()
    }

    /// The node that a peer asks for, and whether it was made for the link.
    private func node(for terminus: Terminus) throws(Refusal) -> (Node, Bool) {
        switch try terminus.request() {
        case .dynamicNode: (try nodes.makeDynamicNode(), true)
        case .node(let address): (try nodes.node(at: address), false)
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

    /// Forgets a link that is over, and its node where nobody else needs it.
    private func end(_ link: Link, vanished: Bool) {
        let (node, ownsNode): (Node, Bool)
        switch link.eventHandler {
        case let outgoing as OutgoingLink:
            outgoing.end(vanished: vanished)
            (node, ownsNode) = (outgoing.node, outgoing.ownsNode)
        case let incoming as IncomingLink:
            incoming.end()
            (node, ownsNode) = (incoming.node, incoming.ownsNode)
        default: return
        }
        link.eventHandler = nil
        node.detach(link)
        if ownsNode {
            nodes.remove(node)
            node.closeLinks()
        } else {
            nodes.removeIfUnused(node)
        }
    }
}

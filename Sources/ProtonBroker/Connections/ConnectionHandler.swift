import Logging
import Proton

/// What the broker does for one connection: turns the opening and closing of its sessions and links into consumers of
/// queues and senders to them.
final class ConnectionHandler: ProtonHandler {
    private let broker: BrokerCore
    private let transactions: Transactions
    private var logger: Logger

    init(_ broker: BrokerCore) {
        self.broker = broker
        logger = broker.logger
        transactions = Transactions(limits: broker.options.transactionLimits, nodes: broker.nodes)
    }

    // MARK: Connections and sessions

    func onConnectionRemoteOpen(_ event: ConnectionEvent) {
        event.connection.offeredCapabilities = broker.options.connection.offeredCapabilities + ["ANONYMOUS-RELAY"]
        event.connection.open()
        broker.peers.add(event.connection)
        name(event.connection)
        logger.debug(
            "opened a connection",
            metadata: ["container": "\((event.connection.remoteContainerID ?? "").escapedForLog)"])
    }

    func onSessionRemoteOpen(_ event: SessionEvent) { event.session.open() }

    func onSessionRemoteClose(_ event: SessionEvent) {
        end(event.connection.links.filter { $0.session === event.session }, .detached)
        event.session.close()
    }

    func onConnectionRemoteClose(_ event: ConnectionEvent) {
        end(event.connection.links, .detached)
        event.connection.close()
    }

    func onTransportClosed(_ event: TransportEvent) {
        end(event.connection.links, .vanished)
        broker.peers.remove(event.connection)
        // It may never have been opened.
        if logger[metadataKey: "peer"] == nil { name(event.connection) }
        logger.debug("closed a connection: \(reasonOfEnd(event.connection).escapedForLog(upTo: 300))")
    }

    /// Has log lines say which connection they are about.
    private func name(_ connection: Connection) {
        logger[metadataKey: "peer"] = "\(connection.transport?.remoteAddress ?? "unknown")"
    }

    private func reasonOfEnd(_ connection: Connection) -> String {
        if let condition = connection.remoteCondition ?? connection.condition ?? connection.transport?.condition {
            return condition.description ?? condition.name.name
        }
        return connection.isRemoteClosed ? "its peer is done" : "its peer is gone"
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
            logger.trace(
                "attached a \(link.isSender ? "consumer" : "sender")",
                metadata: [
                    "link": "\(link.name.escapedForLog)",
                    "address": "\(((link.isSender ? link.source : link.target).address ?? "").escapedForLog)",
                ])
        } catch {
            refuse(link, error)
        }
    }

    func onLinkRemoteClose(_ event: LinkEvent) {
        end(event.link, .closed)
        event.link.close()
    }

    /// A link cannot be resumed: a peer that leaves it without closing it is told that it is closed. What a durable
    /// subscriber comes back to is its subscription.
    func onLinkRemoteDetach(_ event: LinkEvent) {
        let isKept = (event.link.eventHandler as? OutgoingLink)?.lifetime == .subscription
        end(event.link, .detached)
        if isKept { event.link.detach() } else { event.link.close() }
    }

    /// Comes here of links that are refused or closed already: what the peer sent meanwhile is read and given back.
    func onDelivery(_ event: DeliveryEvent) {
        if case .complete = event.delivery.arrival() { _ = event.delivery.takeBytes() }
        event.delivery.settle(.released)
    }

    // MARK: Attaching

    private func attach(_ sender: Sender) throws(Refusal) {
        let source = sender.remoteSource
        let filter = try SourceFilter.find(in: source.filter)
        let isBrowser = source.distributionMode == .copy
        let (node, lifetime) = try node(for: sender, filter)
        // A subscription has only what its selector wants.
        let selector = node.subscription == nil ? filter?.selector : nil
        let choice = selector != nil || isBrowser ? Choice(selector: selector, isBrowser: isBrowser) : nil
        let link = OutgoingLink(
            sender, of: node, lifetime, choice: choice, broker: broker, transactions: transactions
        ) { [self, unowned sender] in end(sender, .vanished) }
        let rivals: [any AttachedLink]
        do throws(Refusal) {
            rivals = try node.attach(link)
        } catch {
            leave(node, lifetime, .detached)
            throw error
        }
        // What of the peer's wishes is followed, is said (AMQP 1.0, 3.5.3).
        sender.source.address = node.subscription?.address ?? node.address
        sender.source.isDynamic = source.isDynamic
        sender.source.filter = filter?.echo ?? [:]
        sender.source.distributionMode = source.distributionMode
        if lifetime == .subscription {
            sender.source.durability = source.durability
            sender.source.expiryPolicy = .never
        }
        sender.target.copy(sender.remoteTarget)
        sender.senderSettleMode = sender.remoteSenderSettleMode == .settled ? .settled : .unsettled
        sender.receiverSettleMode = sender.remoteReceiverSettleMode
        sender.eventHandler = link
        node.add(link)
        broker.peers.addLinks(1, to: sender.connection)
        if rivals.isEmpty { link.open() }
        for rival in rivals { rival.giveWay() }
    }

    /// The node that a consumer asks for, and how long that is there.
    private func node(for sender: Sender, _ filter: SourceFilter?) throws(Refusal) -> (Node, NodeLifetime) {
        let source = sender.remoteSource
        switch try source.request() {
        case .dynamicNode: return (try broker.nodes.makeDynamicNode(), .link)
        case .relay, .coordinator: throw Refusal(.invalidField, "A source cannot be that: attach to an address.")
        case .node(let address):
            guard broker.nodes.isTopic(address) || source.capabilities.contains("topic") else {
                return (try broker.nodes.use(address), .users)
            }
            let isDurable = source.durability != .none || source.expiryPolicy == .never
            let subscription = Subscription(to: address, filter, isDurable: isDurable)
            guard isDurable else { return (try broker.nodes.subscribe(subscription, name: nil), .link) }
            let name = SubscriptionName(
                containerID: sender.connection.remoteContainerID ?? "", linkName: sender.name)
            _ = try NodeTable.checked(name.address)
            return (try broker.nodes.subscribe(subscription, name: name), .subscription)
        }
    }

    private func attach(_ receiver: Receiver) throws(Refusal) {
        let target = receiver.remoteTarget
        let destination: IncomingLink.Destination
        switch try target.request() {
        case .dynamicNode: destination = .node(try broker.nodes.makeDynamicNode(), .link)
        case .node(let address):
            if broker.nodes.isTopic(address) || target.capabilities.contains("topic") {
                destination = .topic(Topic(address, broker.nodes.topics))
            } else {
                destination = .node(try broker.nodes.use(address), .users)
            }
        case .relay: destination = .relay
        case .coordinator: return attachCoordinator(receiver)
        }
        receiver.target.address = destination.address
        receiver.target.isDynamic = target.isDynamic
        receiver.source.copy(receiver.remoteSource)
        receiver.senderSettleMode = receiver.remoteSenderSettleMode
        receiver.maxMessageSize = broker.options.connection.limits.maxMessageSize
        let link = IncomingLink(receiver, to: destination, broker: broker, transactions: transactions)
        if case .node(let node, let lifetime) = destination {
            do throws(Refusal) {
                _ = try node.attach(link)
            } catch {
                leave(node, lifetime, .detached)
                throw error
            }
        }
        receiver.eventHandler = link
        broker.peers.addLinks(1, to: receiver.connection)
        receiver.open()
        link.topUp()
    }

    private func attachCoordinator(_ receiver: Receiver) {
        receiver.target.copy(receiver.remoteTarget)
        receiver.target.capabilities = CoordinatorLink.capabilities
        receiver.source.copy(receiver.remoteSource)
        let link = CoordinatorLink(receiver, transactions, broker: broker)
        receiver.eventHandler = link
        broker.peers.addLinks(1, to: receiver.connection)
        receiver.open()
        link.topUp()
    }

    /// Answers with a null terminus, which says that an error follows (AMQP 1.0, 2.6.3), and with the error.
    private func refuse(_ link: Link, _ refusal: Refusal) {
        if link.isSender { link.source.kind = .unspecified } else { link.target.kind = .unspecified }
        link.open()
        link.close(refusal.condition)
        if refusal.isLimit {
            broker.limitLog.note(.link, refusal.reason, address: link.name)
        } else {
            logger.debug(
                "refused a link: \(refusal.reason.escapedForLog(upTo: 300))",
                metadata: ["link": "\(link.name.escapedForLog)"])
        }
    }

    // MARK: Ending

    /// How a link comes to its end.
    private enum End {
        /// Its peer has closed it.
        case closed
        /// Its peer has left it, alone or with its session or connection.
        case detached
        /// Its peer is gone: what that had is in doubt.
        case vanished
    }

    /// Forgets links that are over. Coordinators come last: what they roll back is not for consumers that go as well.
    private func end(_ links: [Link], _ end: End) {
        let isCoordinator = { (link: Link) in link.eventHandler is CoordinatorLink }
        for link in links where !isCoordinator(link) { self.end(link, end) }
        for link in links where isCoordinator(link) { self.end(link, end) }
    }

    /// Forgets a link that is over, and its node where nobody else needs it.
    private func end(_ link: Link, _ end: End) {
        switch link.eventHandler {
        case let outgoing as OutgoingLink:
            outgoing.end(vanished: end == .vanished)
            outgoing.node.detach(outgoing)
            leave(outgoing.node, outgoing.lifetime, end)
        case let incoming as IncomingLink:
            incoming.end()
            if case .node(let node, let lifetime) = incoming.destination {
                node.detach(incoming)
                leave(node, lifetime, end)
            }
        case let coordinator as CoordinatorLink: coordinator.end()
        default: return
        }
        link.eventHandler = nil
        broker.peers.addLinks(-1, to: link.connection)
    }

    private func leave(_ node: Node, _ lifetime: NodeLifetime, _ end: End) {
        switch (lifetime, end) {
        case (.link, _), (.subscription, .closed): broker.nodes.delete(node)
        case (.users, _), (.subscription, _): broker.nodes.release(node)
        }
    }
}

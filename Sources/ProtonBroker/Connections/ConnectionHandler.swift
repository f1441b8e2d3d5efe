// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Proton
import ProtonEngine

/// The broker's handler of one connection: opens and closes its sessions and links, and attaches links to queues as consumers and
/// producers.
///
/// `@unchecked Sendable`: it is used in its connection's domain only, where the work of other threads continues.
final class ConnectionHandler: ProtonHandler, @unchecked Sendable {
    private let context: BrokerContext
    private let transactions: TransactionTable
    private var logger: Logger
    private var phase = Phase.connecting
    /// The connection's entries in the counts of its host and its user.
    private var places: [PeerCounts.Place] = []
    /// The names that the connection's links have, or wait for.
    private var claims: [ObjectIdentifier: LinkRegistry.Claim] = [:]

    /// The phase of the connection.
    private enum Phase {
        /// The peer is not known yet.
        case connecting
        /// The peer is served.
        case served(PeerAccess, ManagementNode)
        /// The connection is being closed: requests of the peer are ignored.
        case refused
    }

    init(_ context: BrokerContext) {
        self.context = context
        logger = context.logger
        transactions = TransactionTable(context)
    }

    // MARK: Connections and sessions

    /// The peer has connected to this side's socket, and has sent nothing yet.
    func onConnectionBound(_ event: ConnectionEvent) {
        let (connection, limits) = (event.connection, context.options.peerLimits)
        guard let host = context.options.hostOfPeer(connection.transport?.remoteAddress), !host.isLoopback else {
            return
        }
        let excess = count(.host(host), limit: limits.connectionsPerHost)
        guard excess > 0 else { return }
        refuse(connection, context.admission.tooManyOfHost)
        if excess > ConnectionHandler.maxRefusals { connection.abort(context.admission.tooManyOfHost.condition) }
    }

    /// How many connections beyond the limit of a host are closed with the reason; further ones are aborted.
    private static let maxRefusals = 8

    /// - Returns: the number of connections above the limit.
    private func count(_ key: PeerCounts.Key, limit: Int?) -> Int {
        let place = context.peers.count(key)
        places.append(place)
        return limit.map { place.number - $0 } ?? 0
    }

    func onConnectionRemoteOpen(_ event: ConnectionEvent) {
        let connection = event.connection
        guard case .connecting = phase else { return }
        let principal = Principal(
            user: connection.user, isAuthenticated: connection.transport?.isAuthenticated ?? false)
        do throws(ConditionError) {
            try admit(connection, principal)
        } catch {
            return refuse(connection, error)
        }
        let access = PeerAccess(principal, connection, context)
        phase = .served(access, ManagementNode(connection, access, context))
        let own = context.options.connection.offeredCapabilities
        connection.offeredCapabilities = own + ["ANONYMOUS-RELAY", "DELAYED_DELIVERY"]
        connection.open()
        context.connections.add(connection, principal)
        name(connection)
        logger.debug(
            "opened a connection",
            metadata: [
                "container": "\((connection.remoteContainerID ?? "").escapedForLog)",
                "user": "\(principal.name.escapedForLog)",
            ])
    }

    private func admit(_ connection: Connection, _ principal: Principal) throws(ConditionError) {
        try context.admission.check(principal, isLocal: isLocal(connection))
        guard let user = principal.user else { return }
        guard count(.user(user), limit: context.options.peerLimits.connectionsPerUser) <= 0 else {
            throw context.admission.tooManyOfUser
        }
    }

    private func isLocal(_ connection: Connection) -> Bool {
        // A connection without an address is in this process.
        guard let address = connection.transport?.remoteAddress else { return true }
        return context.options.hostOfPeer(address)?.isLoopback ?? false
    }

    /// Closes a connection that is not admitted, with the reason.
    private func refuse(_ connection: Connection, _ refusal: ConditionError) {
        phase = .refused
        context.limitLog.note(
            .connection, refusal.reason, address: nil, peer: connection.transport?.remoteAddress ?? "unknown")
        // Proton sends both frames when the peer has sent its protocol header.
        connection.open()
        connection.close(refusal.condition)
    }

    func onSessionRemoteOpen(_ event: SessionEvent) {
        if case .served = phase { event.session.open() }
    }

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
        context.connections.remove(event.connection)
        places = []
        noteUnidentified(event.connection)
        // It may not have been opened.
        if logger[metadataKey: "peer"] == nil { name(event.connection) }
        logger.debug("closed a connection: \(reasonOfEnd(event.connection).escapedForLog(upTo: 300))")
    }

    /// Adds the peer's address to the log lines.
    private func name(_ connection: Connection) {
        logger[metadataKey: "peer"] = "\(connection.transport?.remoteAddress ?? "unknown")"
    }

    /// Logs that a peer has not opened its connection, if it had to authenticate. The guard has logged a failed authentication.
    private func noteUnidentified(_ connection: Connection) {
        guard case .connecting = phase else { return }
        guard (try? context.admission.check(.anonymous, isLocal: isLocal(connection))) == nil,
            context.options.users == nil || connection.transport?.condition?.name != .unauthorizedAccess
        else { return }
        context.limitLog.note(
            .unidentified, reasonOfEnd(connection).escapedForLog(upTo: 300), address: nil,
            peer: connection.transport?.remoteAddress)
    }

    private func reasonOfEnd(_ connection: Connection) -> String {
        if let condition = connection.remoteCondition ?? connection.condition ?? connection.transport?.condition {
            return condition.description ?? condition.name.name
        }
        return connection.isRemoteClosed ? "its peer is done" : "its peer is gone"
    }

    // MARK: Attaching links

    func onLinkRemoteOpen(_ event: LinkEvent) {
        let link = event.link
        guard case .served(let access, let management) = phase, link.isLocalUninitialized else { return }
        guard let container = link.connection.remoteContainerID, !container.isEmpty else {
            return attach(link, access, management)
        }
        let executor = link.connection.workQueue
        // The closures keep the link until its claim is released, at its end.
        nonisolated(unsafe) let claimed = link
        let claim = LinkRegistry.Claim(
            LinkRegistry.Key(
                user: access.principal.user, container: container, name: link.name, isSender: link.isSender),
            steal: { executor.add { [self] _ in stolen(claimed) } },
            // Its connection may have ended meanwhile.
            attach: {
                executor.add { [self] _ in if claims[ObjectIdentifier(claimed)] != nil { attachNow(claimed) } }
            })
        claims[ObjectIdentifier(link)] = claim
        if context.linkNames.take(claim) { attach(link, access, management) }
    }

    /// Attaches a link that has waited for its name.
    private func attachNow(_ link: Link) {
        if case .served(let access, let management) = phase { attach(link, access, management) }
    }

    private func attach(_ link: Link, _ access: PeerAccess, _ management: ManagementNode) {
        guard link.isLocalUninitialized, link.isRemoteOpen else { return }
        do throws(ConditionError) {
            let attachment = LinkAttachment(
                context: context, access: access, transactions: transactions, management: management)
            if let sender = link as? Sender {
                try attachment.attach(sender)
            } else if let receiver = link as? Receiver {
                try attachment.attach(receiver)
            }
            let address = (link.isSender ? link.source : link.target).address
            context.connections.add(link, address: address)
            logger.trace(
                "attached a \(link.isSender ? "consumer" : "sender")",
                metadata: [
                    "link": "\(link.name.escapedForLog)",
                    "address": "\((address ?? "").escapedForLog)",
                ])
        } catch {
            refuse(link, error)
        }
    }

    /// Answers with null termini, which announce an error (AMQP 1.0, 2.6.3), and with the error.
    private func refuse(_ link: Link, _ refusal: ConditionError) {
        link.source.kind = .unspecified
        link.target.kind = .unspecified
        link.open()
        link.close(refusal.condition)
        if refusal.isLimit {
            context.limitLog.note(.link, refusal.reason, address: link.name)
        } else if refusal.condition.name == .unauthorizedAccess {
            context.limitLog.note(
                .access, refusal.reason, address: nil, peer: link.connection.transport?.remoteAddress ?? "unknown")
        } else {
            logger.debug(
                "refused a link: \(refusal.reason.escapedForLog(upTo: 300))",
                metadata: ["link": "\(link.name.escapedForLog)"])
        }
        releaseName(of: link)
    }

    private func releaseName(of link: Link) {
        if let claim = claims.removeValue(forKey: ObjectIdentifier(link)) { context.linkNames.release(claim) }
    }

    // MARK: Ending links

    func onLinkRemoteClose(_ event: LinkEvent) {
        // The answer to a close by the broker is not a close by the peer. A link may be closed before it is answered.
        end(event.link, event.link.isLocalClosed ? .detached : .closed)
    }

    /// A link cannot be resumed: it is closed if a peer detaches it. A durable subscriber attaches again to its subscription.
    func onLinkRemoteDetach(_ event: LinkEvent) {
        let link = event.link
        let isKept = (link.eventHandler as? ConsumerLink)?.lifetime == .subscription
        let isStolen = link.remoteCondition?.name == .linkStolen
        end(link, isStolen ? .vanished : .detached)
        if isStolen {
            link.detach(ConnectionHandler.stolen)
        } else if isKept {
            link.detach()
        } else {
            link.close()
        }
    }

    /// The broker has closed a link that violated a rule: its messages return to the queue.
    func onLinkLocalClose(_ event: LinkEvent) {
        if !event.link.isRemoteClosed { end(event.link, .detached) }
    }

    private static let stolen = Condition(
        .linkStolen, "The link is attached by another connection or session now.")

    /// The link's container has attached it elsewhere.
    private func stolen(_ link: Link) {
        guard claims[ObjectIdentifier(link)] != nil else { return }
        // The broker ends its side first, so that this is not taken for a close by the peer.
        let hadEnded = link.eventHandler == nil
        if !(link.isLocalUninitialized && hadEnded) { end(link, .vanished) }
        // The link waits for its name, or for the store.
        if link.isLocalUninitialized { return refuse(link, ConditionError(ConnectionHandler.stolen)) }
        if !hadEnded { link.detach(ConnectionHandler.stolen) }
    }

    /// Called for links that are refused or closed already: messages that arrive meanwhile are read and released.
    func onDelivery(_ event: DeliveryEvent) {
        if case .complete = event.delivery.arrival() { _ = event.delivery.takeBytes() }
        event.delivery.settle(.released)
    }

    /// How a link ends.
    private enum End {
        /// Its peer has closed it.
        case closed
        /// Its peer has detached it, or ended its session or connection, or the broker has closed it.
        case detached
        /// Its connection was lost: its unsettled messages are in doubt.
        case vanished
    }

    /// Ends links, coordinators last: messages that they roll back must not go to consumers that end as well.
    private func end(_ links: [Link], _ end: End) {
        let isCoordinator = { (link: Link) in link.eventHandler is CoordinatorLink }
        for link in links where !isCoordinator(link) { self.end(link, end) }
        for link in links where isCoordinator(link) { self.end(link, end) }
    }

    /// Ends a link, and deletes its queue if it has no other use. A link that its peer has closed is closed here as well, when
    /// that is on disk.
    private func end(_ link: Link, _ end: End) {
        let handler = link.eventHandler
        link.eventHandler = nil
        var sequence: UInt64 = 0
        switch handler {
        case let consumer as ConsumerLink:
            consumer.end(vanished: end == .vanished)
            sequence = leave(consumer.queue, consumer.lifetime, end)
        case let producer as ProducerLink:
            producer.end()
            if case .queue(let queue, let lifetime) = producer.destination { sequence = leave(queue, lifetime, end) }
        case let coordinator as CoordinatorLink: coordinator.end()
        case let requests as ManagementLink: requests.end()
        default: break
        }
        if handler != nil { context.connections.remove(link) }
        releaseName(of: link)
        guard end == .closed else { return }
        guard sequence > 0, let store = context.store else { return link.close() }
        let executor = link.connection.workQueue
        nonisolated(unsafe) let closed = link
        // The link is used in its connection's domain only.
        store.whenWritten(sequence) { executor.add { _ in closed.close() } }
    }

    /// - Returns: the sequence number of the group that the store has to write; 0 for none.
    private func leave(_ queue: Queue, _ lifetime: QueueLifetime, _ end: End) -> UInt64 {
        switch (lifetime, end) {
        case (.link, _), (.subscription, .closed): return context.table.delete(queue)
        case (.users, _), (.subscription, _):
            context.table.release(queue)
            return 0
        }
    }
}

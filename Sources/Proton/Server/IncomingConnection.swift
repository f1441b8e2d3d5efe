// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities

extension Symbol {
    /// The property of an open frame that announces a close with the reason: brokers and JMS clients know it.
    static let connectionEstablishmentFailed: Symbol = "amqp:connection-establishment-failed"
}

/// A connection that a peer has made, until the program has decided about it: its sessions and links wait here.
///
/// Its callbacks and posted work run in the connection's domain.
final class IncomingConnection: ProtonHandler, Sendable {
    private enum Phase {
        /// The peer has not opened it yet.
        case opening
        /// It waits for the program's decision, with the sessions and links that the peer has begun meanwhile.
        case asking(Connection, sessions: [Session], links: [Link])
        case decided
        case ended(ProtonError)
    }

    private let phase = UncheckedMutex(Phase.opening)
    let container: ContainerHandle
    private let server: AMQPServer
    private let accepted: AcceptedConnections
    /// Hands the request to the program.
    private let ask: @Sendable (AMQPConnectionRequest) -> Void
    private let queue = UncheckedMutex<WorkQueue?>(nil)

    init(
        _ container: ContainerHandle, _ server: AMQPServer, _ accepted: AcceptedConnections,
        ask: @escaping @Sendable (AMQPConnectionRequest) -> Void
    ) {
        (self.container, self.server, self.accepted) = (container, server, accepted)
        self.ask = ask
    }

    // MARK: Decisions

    /// The state of the connection when it is accepted, which its loop calls with events.
    func makeCore(_ peer: AMQPPeer) -> ClientConnection {
        let url = peer.address.flatMap { try? AMQPURL($0) } ?? server.url
        let core = ClientConnection(
            url, container, closeTimeout: server.options.limits.closeTimeout, server.logger, role: .server,
            instruments: server.instruments)
        accepted.add(core)
        return core
    }

    /// Opens the connection on this side, and hands over its sessions and links.
    func accept(_ core: ClientConnection, _ prepare: @escaping @Sendable (Connection) -> Void) {
        decide { connection, sessions, links in
            prepare(connection)
            core.take(connection)
            connection.open()
            for session in sessions where session.isLocalUninitialized { session.open() }
            for link in links { core.ask(link) }
        } orEnd: { error in
            core.end(error)
        }
    }

    /// Closes the connection with a reason.
    func refuse(_ condition: Condition) {
        decide { connection, _, _ in
            connection.properties[.symbol(.connectionEstablishmentFailed)] = true
            connection.open()
            connection.close(condition)
        } orEnd: { _ in
        }
    }

    private func decide(
        _ body: @escaping @Sendable (Connection, [Session], [Link]) -> Void,
        orEnd end: @escaping @Sendable (ProtonError) -> Void
    ) {
        let isPosted = queue.withLock { $0 }?.add { [self] _ in
            switch phase.withLock({ exchange(&$0, with: .decided) }) {
            case .asking(let connection, let sessions, let links): body(connection, sessions, links)
            case .ended(let error): end(error)
            case .opening, .decided: break
            }
        }
        if isPosted != true { end(IncomingConnection.gone) }
    }

    private static let gone = ProtonError(.closed, "The peer has gone away.")

    // MARK: Callbacks

    func onConnectionRemoteOpen(_ event: ConnectionEvent) {
        let connection = event.connection
        queue.withLock { $0 = connection.workQueue }
        phase.withLock { $0 = .asking(connection, sessions: [], links: []) }
        ask(AMQPConnectionRequest(self, AMQPPeer(connection)))
    }

    func onSessionRemoteOpen(_ event: SessionEvent) {
        phase.withLock { phase in
            guard case .asking(let connection, let sessions, let links) = phase else { return }
            phase = .asking(connection, sessions: sessions + [event.session], links: links)
        }
    }

    func onLinkRemoteOpen(_ event: LinkEvent) {
        phase.withLock { phase in
            guard case .asking(let connection, let sessions, let links) = phase else { return }
            phase = .asking(connection, sessions: sessions, links: links + [event.link])
        }
    }

    func onSessionRemoteClose(_ event: SessionEvent) { event.session.close() }
    func onLinkRemoteClose(_ event: LinkEvent) { event.link.close() }
    func onLinkRemoteDetach(_ event: LinkEvent) { event.link.detach() }

    func onConnectionRemoteClose(_ event: ConnectionEvent) {
        end(IncomingConnection.gone)
        event.connection.open()
        event.connection.close()
    }

    func onTransportClosed(_ event: TransportEvent) { end(event.error ?? IncomingConnection.gone) }

    func onConnectionFinal(_ event: ConnectionEvent) { end(IncomingConnection.gone) }

    private func end(_ error: ProtonError) {
        phase.withLock { phase in
            if case .asking = phase { phase = .ended(error) }
        }
    }
}

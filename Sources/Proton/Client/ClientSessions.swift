// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities

/// Chooses the sessions for the links of an `AMQPConnection`.
///
/// By default a link uses the connection's own session, as transactions do (AMQP 1.0, 4.4.1). RabbitMQ ends the session when it
/// refuses a link, to a missing queue or from a dynamic node, which would end all other links on it. RabbitMQ 4.0 also ends a
/// session if a link gets the handle of another link whose detach it has not answered. For RabbitMQ each link therefore has its
/// own session.
final class ClientSessions: Sendable {
    private enum Use {
        /// All links share one session.
        case shared
        /// Each link has its own session, which ends with it: RabbitMQ 3 only then releases the messages on their way to a
        /// receiver.
        case ended
        /// Each link has its own session, which the next link uses again. RabbitMQ 4.0 ignores a begin on the channel of a
        /// session that has just ended. A session that RabbitMQ has ended is therefore ended here only when the next one has
        /// another channel.
        case kept
    }

    private struct State {
        /// The use for the peer that was connected last.
        var use = Use.shared
        var sessions: [Session] = []
        /// The sessions that the peer has ended, and this side has not.
        var ended: [Session] = []
    }

    private let state = UncheckedMutex(State())
    /// The maximum number of sessions: further links share them, since peers allow few. RabbitMQ allows 64.
    private static let most = 32

    private static func use(_ properties: AMQPMap) -> Use {
        guard properties[.symbol("product")] == "RabbitMQ" else { return .shared }
        return properties[.symbol("version")]?.stringValue?.hasPrefix("3.") == true ? .ended : .kept
    }

    // MARK: In the domain

    /// The peer has opened the connection.
    func opened(_ connection: Connection) {
        let use = ClientSessions.use(connection.remoteProperties)
        state.withLock { $0.use = use }
    }

    /// The session for a new link.
    /// - Parameter handler: the handler that is called when the peer ends the session.
    /// - Throws: as `Connection.session`.
    func next(on connection: Connection, _ handler: @autoclosure () -> any MessagingHandler) throws -> Session {
        let usable: [Session]? = state.withLock { state in
            state.ended += state.sessions.filter { $0.isRemoteClosed && !$0.isLocalClosed }
            state.sessions.removeAll { $0.isLocalClosed || $0.isRemoteClosed }
            return state.use == .shared ? nil : state.sessions
        }
        guard let usable else { return try connection.session() }
        let links = connection.links
        let counted = usable.map { session in (session, links: links.count { $0.session === session }) }
        let least = counted.min { $0.links < $1.links }
        if let least, least.links == 0 || usable.count >= ClientSessions.most { return least.0 }
        let session: Session
        do {
            session = try connection.makeSession()
        } catch let error as ProtonError where error.code == .limitExceeded {
            return try least?.0 ?? connection.session()
        }
        session.handler = SessionRelay(handler())
        session.open()
        let ended = state.withLock { state in
            state.sessions.append(session)
            return exchange(&state.ended, with: [])
        }
        for session in ended { session.close() }
        return session
    }

    /// Whether sessions end with their links.
    var areEnded: Bool { state.withLock { $0.use == .ended } }

    /// Ends the sessions that have no links any more.
    func endUnused(on connection: Connection) {
        let links = connection.links
        let unused = state.withLock { $0.sessions }.filter { session in !links.contains { $0.session === session } }
        for session in unused { session.close() }
    }
}

/// Reports that the peer ended the session, and does not end it here.
private final class SessionRelay: ProtonHandler {
    private let delegate: any MessagingHandler

    init(_ delegate: any MessagingHandler) {
        self.delegate = delegate
    }

    func onSessionRemoteClose(_ event: SessionEvent) throws {
        if !event.session.isLocalClosed { try delegate.onSessionError(event) }
    }
}

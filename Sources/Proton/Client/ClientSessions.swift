// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities

/// Which sessions the links of an `AMQPConnection` are on.
///
/// A link goes on the connection's own session, as transactions do (AMQP 1.0, 4.4.1). RabbitMQ ends a session for each link
/// that it refuses, to a queue that is not there or from a dynamic node, which would end all others with it; and its
/// version 4.0 ends one where a link gets the handle of another whose detach it has not answered. So a link has a session of
/// its own there.
final class ClientSessions: Sendable {
    private enum Use {
        /// All links are on one.
        case shared
        /// A link has its own, which ends with it: RabbitMQ 3 gives back what was on its way to a receiver only then.
        case ended
        /// A link has its own, and the next one has it then. RabbitMQ 4.0 does not see a begin on the channel of a session
        /// that has just ended: the end of one that it has ended itself is answered when the next one has another channel.
        case kept
    }

    private struct State {
        /// What is right for the peer that was connected last.
        var use = Use.shared
        var sessions: [Session] = []
        /// Those that the peer has ended, and this side has not.
        var ended: [Session] = []
    }

    private let state = UncheckedMutex(State())
    /// How many there are at most: more links share them, since peers allow few. RabbitMQ allows 64.
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
    /// - Parameter handler: what is told when the peer ends it.
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

    /// Ends the sessions whose links are all gone.
    func endUnused(on connection: Connection) {
        let links = connection.links
        let unused = state.withLock { $0.sessions }.filter { session in !links.contains { $0.session === session } }
        for session in unused { session.close() }
    }
}

/// Tells of a session that the peer ends, and does not end it here.
private final class SessionRelay: ProtonHandler {
    private let delegate: any MessagingHandler

    init(_ delegate: any MessagingHandler) {
        self.delegate = delegate
    }

    func onSessionRemoteClose(_ event: SessionEvent) throws {
        if !event.session.isLocalClosed { try delegate.onSessionError(event) }
    }
}

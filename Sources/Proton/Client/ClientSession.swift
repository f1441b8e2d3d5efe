// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

/// An additional session of a client, besides its connection's own; created when its first link is attached.
final class ClientSession: Sendable {
    private enum Phase {
        /// No link has been attached on it.
        case idle
        case open(Session)
        case closed
    }

    private let phase = UncheckedMutex(Phase.idle)
    private let core: ClientConnection
    /// How many bytes may have arrived and not been taken before the peer has to wait; nil is proton's default.
    private let capacity: Int?

    init(_ core: ClientConnection, capacity: Int? = nil) {
        (self.core, self.capacity) = (core, capacity)
    }

    deinit { close() }

    /// The session for a new link; in the connection's domain.
    func session(on connection: Connection) throws -> Session {
        switch phase.withLock({ $0 }) {
        case .open(let session) where !session.isRemoteClosed: return session
        case .open, .closed: throw ProtonError(.closed, "The session has ended.")
        case .idle: break
        }
        let session = try connection.makeSession()
        session.handler = SessionRelay(core)
        // The capacity must hold a frame.
        if let capacity { session.incomingCapacity = max(capacity, Int(connection.limits.maxFrameSize)) }
        session.open()
        phase.withLock { $0 = .open(session) }
        return session
    }

    /// Ends the session, and the links on it that are still open; it does not wait for the peer.
    func close() {
        guard case .open(let session) = phase.withLock({ exchange(&$0, with: .closed) }) else { return }
        let closing = UncheckedMutex(session)
        _ = core.post { [core] _ in
            let session = closing.withLock { $0 }
            core.endLinks(on: session, ProtonError(.closed, "The session was closed here."))
            session.close()
        }
    }
}

/// Ends the links of a session when the session ends.
private final class SessionRelay: MessagingHandler {
    private let core: ClientConnection
    var options: HandlerOptions { HandlerOptions(opensLinks: false, treatsPeerCloseAsError: true) }

    init(_ core: ClientConnection) { self.core = core }

    func onSessionError(_ event: SessionEvent) { core.endLinks(on: event.session, event.error) }
    func onLinkOpening(_ event: LinkEvent) { core.ask(event.link) }
}

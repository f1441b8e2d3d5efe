// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// A session of an `AMQPConnection` besides the one that its links share: made by `AMQPConnection.session`; from any task.
///
/// Its links have a flow window of their own (AMQP 1.0, 2.5.6), and an error that ends it ends them alone. It is begun with its first
/// link, and again where the connection was lost. A session that neither the program nor a link keeps is closed.
public final class AMQPSession: Sendable {
    let core: ClientSession
    /// The connection, which the session keeps open.
    private let connection: AMQPConnection

    init(_ connection: AMQPConnection) {
        core = ClientSession(connection.core)
        self.connection = connection
    }

    /// Ends the session, and with it the links on it that are not closed; without waiting for the peer.
    public func close() { core.close() }
}

extension AMQPConnection {
    /// A session besides the one that links share where none is named.
    public func session() -> AMQPSession { AMQPSession(self) }

    /// Runs the body with a session besides the one that links share, and closes that.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws.
    public func withSession<Result>(_ body: (AMQPSession) async throws -> Result) async throws -> Result {
        let session = session()
        defer { session.close() }
        return try await body(session)
    }
}

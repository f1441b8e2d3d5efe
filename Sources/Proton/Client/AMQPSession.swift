// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// An additional session of an `AMQPConnection`, besides the one that its links share; from any task.
///
/// It is created by `AMQPConnection.session`. Its links have their own flow window (AMQP 1.0, 2.5.6), and an error that ends the
/// session ends only them. It begins with its first link, and begins again after the connection was lost. A session that neither
/// the program nor a link keeps is closed.
public final class AMQPSession: Sendable {
    let core: ClientSession
    /// The connection, which the session keeps open.
    private let connection: AMQPConnection

    init(_ connection: AMQPConnection) {
        core = ClientSession(connection.core)
        self.connection = connection
    }

    /// Ends the session, and the links on it that are still open; it does not wait for the peer.
    public func close() { core.close() }
}

extension AMQPConnection {
    /// Creates an additional session; links that name no session share another one.
    public func session() -> AMQPSession { AMQPSession(self) }

    /// Runs the body with an additional session, and closes that session.
    /// - Returns: the result of the body.
    /// - Throws: the error of the body.
    @discardableResult
    public func withSession<Result>(_ body: (AMQPSession) async throws -> Result) async throws -> Result {
        let session = session()
        defer { session.close() }
        return try await body(session)
    }
}

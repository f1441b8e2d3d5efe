// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

/// What links can be made on: a connection, on its own session, or a session.
public protocol SessionProvider {
    /// The session for a new link.
    /// - Throws: `ProtonError.Code.closed` where the connection is over.
    func session() throws -> Session
}

extension Connection: SessionProvider {}

extension Session: SessionProvider {
    /// The session itself.
    public func session() -> Session { self }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

/// An object on which links can be created: a connection, with its default session, or a session.
public protocol SessionProvider {
    /// The session for a new link.
    /// - Throws: `ProtonError.Code.closed` if the connection is closed.
    func session() throws -> Session
}

extension Connection: SessionProvider {}

extension Session: SessionProvider {
    /// The session itself.
    public func session() -> Session { self }
}

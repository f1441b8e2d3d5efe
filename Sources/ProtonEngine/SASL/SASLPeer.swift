// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A client that authenticates at a listener, as described by its transport.
public struct SASLPeer: Sendable, Hashable {
    /// Its address and port, such as `127.0.0.1:5672`; nil if there is no socket.
    public var address: String?
    /// Whether it is on the same machine.
    public var isLoopback: Bool
    /// Whether the connection is encrypted.
    public var isEncrypted: Bool
    /// The user of the client certificate that TLS has verified; nil if there is none.
    public var certificateUser: String?

    /// Creates a description of a peer, for tests of a mechanism or an authenticator.
    public init(
        address: String? = nil, isLoopback: Bool = true, isEncrypted: Bool = false, certificateUser: String? = nil
    ) {
        (self.address, self.isLoopback) = (address, isLoopback)
        (self.isEncrypted, self.certificateUser) = (isEncrypted, certificateUser)
    }
}

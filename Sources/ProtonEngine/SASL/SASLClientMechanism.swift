// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A SASL mechanism of the program's own, for clients (RFC 4422): `ConnectionOptions.clientMechanisms`.
public protocol SASLClientMechanism: Sendable {
    /// Its name, as servers offer it.
    var name: SASLMechanism { get }
    /// Whether an eavesdropper could log in with what it sends: then it is used over TLS only, or where
    /// `ConnectionOptions.allowsInsecureMechanisms` says so. Default true.
    var needsProtection: Bool { get }
    /// Begins an exchange with a server that offers it.
    /// - Parameters:
    ///   - credentials: what the program logs in with.
    ///   - host: the host that is asked for in the open frame; nil where it is none.
    /// - Returns: nil where it cannot be used with these credentials.
    func begin(_ credentials: Credentials, host: String?) -> (any SASLClientExchange)?
}

extension SASLClientMechanism {
    /// True.
    public var needsProtection: Bool { true }
}

/// One exchange of a client's mechanism with a server.
///
/// Its methods are called one after the other, off the connection's thread but for `finish`. Together they have as long as the
/// handshake: `ConnectionLimits.handshakeTimeout`. What they throw ends the try.
public protocol SASLClientExchange: Sendable {
    /// Makes the initial response; nil sends none.
    mutating func start() async throws -> [UInt8]?
    /// Answers a challenge.
    mutating func respond(to challenge: [UInt8]) async throws -> [UInt8]
    /// The server has accepted the log-in: throws where it should have proved who it is, and has not. Called on the
    /// connection's thread, and must not block.
    /// - Parameter data: what came with the outcome.
    mutating func finish(_ data: [UInt8]?) throws
}

extension SASLClientExchange {
    /// Takes the server's word.
    public mutating func finish(_ data: [UInt8]?) throws {}
}

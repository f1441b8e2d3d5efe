// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A SASL mechanism of the program's own, for clients (RFC 4422): `ConnectionOptions.clientMechanisms`.
public protocol SASLClientMechanism: Sendable {
    /// The name of the mechanism, as servers offer it.
    var name: SASLMechanism { get }
    /// Whether an eavesdropper could authenticate with the data that it sends. Default true.
    ///
    /// If so, it is used only over TLS, or if `ConnectionOptions.allowsInsecureMechanisms` applies.
    var needsProtection: Bool { get }
    /// Begins an exchange with a server that offers the mechanism.
    /// - Parameters:
    ///   - credentials: the program's credentials.
    ///   - host: the hostname of the open frame; nil if there is none.
    /// - Returns: nil if the mechanism cannot be used with these credentials.
    func begin(_ credentials: Credentials, host: String?) -> (any SASLClientExchange)?
}

extension SASLClientMechanism {
    /// True.
    public var needsProtection: Bool { true }
}

/// One exchange of a client's mechanism with a server.
///
/// Its methods are called one after the other, off the connection's thread except for `finish`. Their total time limit is that of
/// the handshake: `ConnectionLimits.handshakeTimeout`. An error that they throw ends the try.
public protocol SASLClientExchange: Sendable {
    /// Makes the initial response; nil means none.
    mutating func start() async throws -> [UInt8]?
    /// Answers a challenge.
    mutating func respond(to challenge: [UInt8]) async throws -> [UInt8]
    /// Called after the server has accepted the client: throws if the server should have proved its identity, and has not. Called
    /// on the connection's thread, and must not block.
    /// - Parameter data: the additional data of the outcome.
    mutating func finish(_ data: [UInt8]?) throws
}

extension SASLClientExchange {
    /// Accepts without a proof of the server's identity.
    public mutating func finish(_ data: [UInt8]?) throws {}
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A SASL mechanism of the program's own, for listeners (RFC 4422): `Authentication.required`.
public protocol SASLServerMechanism: Sendable {
    /// The name of the mechanism, as it is offered to clients.
    var name: SASLMechanism { get }
    /// Whether an eavesdropper could authenticate with the data that a client sends. Default true.
    ///
    /// If so, it is offered only over TLS, or if `ConnectionOptions.allowsInsecureMechanisms` applies.
    var needsProtection: Bool { get }
    /// Begins an exchange with a client that has chosen the mechanism.
    func begin(_ peer: SASLPeer) -> any SASLServerExchange
}

extension SASLServerMechanism {
    /// True.
    public var needsProtection: Bool { true }
}

/// One exchange of a listener's mechanism with a client.
///
/// It is called off the connection's thread, for one response after the other: at most 8, with at most 16 KiB each.
public protocol SASLServerExchange: Sendable {
    /// Handles a response of the client.
    /// - Parameter response: nil if the client has sent no initial response.
    /// - Throws: if the check is not possible now: the client receives a temporary failure (`sys-temp`).
    mutating func respond(to response: [UInt8]?) async throws -> SASLServerStep
}

/// The result of a step of an exchange.
public enum SASLServerStep: Sendable, Equatable {
    /// Send this challenge; the client answers it.
    case challenge([UInt8])
    /// The client is authenticated.
    ///
    /// `authorization` is the user that the client wants to act as; nil means the authenticated user. `data` is sent to the
    /// client with the outcome.
    case success(user: String, authorization: String? = nil, data: [UInt8]? = nil)
    /// The client is not authenticated.
    case failure(user: String?, LoginAttempt.Outcome = .wrongCredentials)
}

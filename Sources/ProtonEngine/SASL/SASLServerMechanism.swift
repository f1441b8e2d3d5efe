// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A SASL mechanism of the program's own, for listeners (RFC 4422): `Authentication.required`.
public protocol SASLServerMechanism: Sendable {
    /// Its name, as clients are told.
    var name: SASLMechanism { get }
    /// Whether an eavesdropper could log in with what a client sends: then it is offered over TLS only, or where
    /// `ConnectionOptions.allowsInsecureMechanisms` says so. Default true.
    var needsProtection: Bool { get }
    /// Begins an exchange with a client that has chosen it.
    func begin(_ peer: SASLPeer) -> any SASLServerExchange
}

extension SASLServerMechanism {
    /// True.
    public var needsProtection: Bool { true }
}

/// One exchange of a listener's mechanism with a client.
///
/// It is called off the connection's thread, for one response after the other: at most 8, of 16 KiB each.
public protocol SASLServerExchange: Sendable {
    /// Takes what the client sends.
    /// - Parameter response: nil where the client has sent no initial response.
    /// - Throws: where it cannot be checked now: the client is told that it may try again (`sys-temp`).
    mutating func respond(to response: [UInt8]?) async throws -> SASLServerStep
}

/// What a step of an exchange leads to.
public enum SASLServerStep: Sendable, Equatable {
    /// This is sent, and answered by the client.
    case challenge([UInt8])
    /// The client is logged in.
    ///
    /// `authorization` is whom it wants to act as; nil is the user. `data` goes to the client with the outcome.
    case success(user: String, authorization: String? = nil, data: [UInt8]? = nil)
    /// The client is not.
    case failure(user: String?, LoginAttempt.Outcome = .wrongCredentials)
}

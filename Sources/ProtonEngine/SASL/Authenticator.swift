// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Decides which clients may authenticate at a listener: `Authentication.required`.
///
/// Its methods are called off the connection's thread, at the same time for several connections. The whole authentication,
/// including these methods, must end within `ConnectionLimits.handshakeTimeout`, or the connection is dropped. If a method
/// throws, the client receives a temporary failure (`sys-temp`).
///
/// Compare secrets in constant time, and take as long for an unknown user as for a wrong password: `UserFile` does both.
public protocol Authenticator: Sendable {
    /// The mechanisms that it supports, of EXTERNAL, PLAIN and the SCRAM mechanisms. Default: all of them.
    ///
    /// PLAIN is offered only over TLS, or if `ConnectionOptions.allowsInsecureMechanisms` applies; EXTERNAL is offered to clients
    /// whose certificate TLS has verified.
    var mechanisms: Set<SASLMechanism> { get }
    /// Whether a user's password is correct (PLAIN).
    func verify(_ login: PasswordLogin) async throws -> Bool
    /// The stored credential of a user (SCRAM); nil if there is no such user: the exchange then continues with a salt that looks
    /// real, and fails at its end.
    func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential?
    /// Whether the user of a verified client certificate may authenticate (EXTERNAL). Default true.
    func admits(certificateUser: String) async throws -> Bool
    /// Whether an authenticated user may act as another one. Default false.
    func permits(_ user: String, toActAs authorization: String) async throws -> Bool
    /// The number of iterations that an unknown user gets with the salt. Default `SCRAMCredential.defaultIterations`.
    var decoyIterations: Int { get }

    /// Called after a client has authenticated, except with ANONYMOUS; awaited before the client receives the outcome.
    func accepted(_ attempt: LoginAttempt) async
    /// Called after an authentication has failed, to delay, count or log it; awaited before the client receives the outcome.
    func refused(_ attempt: LoginAttempt) async
}

extension Authenticator {
    /// EXTERNAL, SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1 and PLAIN.
    public var mechanisms: Set<SASLMechanism> { [.external, .scramSHA512, .scramSHA256, .scramSHA1, .plain] }
    /// True: TLS has verified the certificate.
    public func admits(certificateUser: String) async throws -> Bool { true }
    /// False.
    public func permits(_ user: String, toActAs authorization: String) async throws -> Bool { false }
    /// 15,000.
    public var decoyIterations: Int { SCRAMCredential.defaultIterations }
    /// Does nothing.
    public func accepted(_ attempt: LoginAttempt) async {}
    /// Does nothing.
    public func refused(_ attempt: LoginAttempt) async {}
}

/// A user name and a password that a client has sent (PLAIN).
public struct PasswordLogin: Sendable, CustomStringConvertible, CustomReflectable {
    /// The user name.
    public let user: String
    /// The password.
    public let password: String
    /// The client's connection.
    public let peer: SASLPeer

    /// Creates a login, for tests of an authenticator.
    public init(user: String, password: String, peer: SASLPeer = SASLPeer()) {
        (self.user, self.password, self.peer) = (user, password, peer)
    }

    /// The user name, without the password.
    public var description: String { "user \(user), password (hidden)" }
    /// The user name, without the password.
    public var customMirror: Mirror { Mirror(self, children: ["user": user]) }
}

/// How a listener authenticates its clients: `ConnectionOptions.authentication`.
public struct Authentication: Sendable {
    let authenticator: (any Authenticator)?
    package let mechanisms: [any SASLServerMechanism]
    let allowsAnonymous: Allowance

    /// No authentication: all clients are ANONYMOUS, or have the user of their certificate if TLS has verified one.
    public static let anonymous = anonymous(from: .everywhere)

    /// No authentication for the peers that the allowance includes; other peers cannot connect.
    public static func anonymous(from allowance: Allowance) -> Authentication {
        Authentication(authenticator: nil, mechanisms: [], allowsAnonymous: allowance)
    }

    /// All clients must authenticate.
    /// - Parameters:
    ///   - authenticator: decides which clients may authenticate.
    ///   - mechanisms: the program's own mechanisms, which are offered in addition.
    ///   - allowsAnonymous: the peers that need not authenticate. Default: none.
    public static func required(
        _ authenticator: any Authenticator, mechanisms: [any SASLServerMechanism] = [],
        allowsAnonymous: Allowance = .never
    ) -> Authentication {
        Authentication(authenticator: authenticator, mechanisms: mechanisms, allowsAnonymous: allowsAnonymous)
    }

    /// All clients must authenticate, with a mechanism of the program's own.
    public static func required(
        mechanisms: [any SASLServerMechanism], allowsAnonymous: Allowance = .never
    ) -> Authentication {
        Authentication(authenticator: nil, mechanisms: mechanisms, allowsAnonymous: allowsAnonymous)
    }

    /// Whether the clients of a listener must authenticate, so that none may omit SASL.
    package func isRequired(onLoopback: Bool) -> Bool { !allowsAnonymous.includes(isLoopback: onLoopback) }
}

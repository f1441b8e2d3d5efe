// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Decides who may log in at a listener: `Authentication.required`.
///
/// It is asked off the connection's thread, at the same time for several connections. All that a log-in takes, its hooks
/// included, has to end within `ConnectionLimits.handshakeTimeout`, or the connection is given up. What its methods throw is
/// told to the client as a temporary failure (`sys-temp`).
///
/// Compare secrets in constant time, and take as long for a user that there is not as for a wrong password: `UserFile` does.
public protocol Authenticator: Sendable {
    /// The mechanisms that it can decide about, of EXTERNAL, PLAIN and those of SCRAM. Default: all of them.
    ///
    /// PLAIN is offered over TLS only, or where `ConnectionOptions.allowsInsecureMechanisms` says so, and EXTERNAL to clients
    /// whose certificate TLS has verified.
    var mechanisms: Set<SASLMechanism> { get }
    /// Whether a user's password is right (PLAIN).
    func verify(_ login: PasswordLogin) async throws -> Bool
    /// What is kept of a user's password (SCRAM); nil where there is no such user: the exchange goes on with a salt that
    /// looks like one, and fails at its end.
    func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential?
    /// Whether the user of a verified client certificate may log in (EXTERNAL). Default true.
    func admits(certificateUser: String) async throws -> Bool
    /// Whether a user who is logged in may act as another. Default false.
    func permits(_ user: String, toActAs authorization: String) async throws -> Bool
    /// How many rounds the salt of a user goes with that there is not. Default `SCRAMCredential.defaultIterations`.
    var decoyIterations: Int { get }

    /// A client has logged in, other than by ANONYMOUS; awaited before it is told.
    func accepted(_ attempt: LoginAttempt) async
    /// A client has failed to log in; awaited before it is told: to delay those who guess, to count, to log.
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

/// A user and a password that a client has sent (PLAIN).
public struct PasswordLogin: Sendable, CustomStringConvertible, CustomReflectable {
    /// The user.
    public let user: String
    /// The password.
    public let password: String
    /// Who the client is.
    public let peer: SASLPeer

    /// Creates a log-in, for tests of an authenticator.
    public init(user: String, password: String, peer: SASLPeer = SASLPeer()) {
        (self.user, self.password, self.peer) = (user, password, peer)
    }

    /// The user, without the password.
    public var description: String { "user \(user), password (hidden)" }
    /// The user, without the password.
    public var customMirror: Mirror { Mirror(self, children: ["user": user]) }
}

/// How a listener's clients log in: `ConnectionOptions.authentication`.
public struct Authentication: Sendable {
    let authenticator: (any Authenticator)?
    package let mechanisms: [any SASLServerMechanism]
    let allowsAnonymous: Allowance

    /// Nobody has to: all clients are taken as ANONYMOUS, or as the user of their certificate where TLS has verified one.
    public static let anonymous = anonymous(from: .everywhere)

    /// Nobody has to who comes from where that is allowed; others cannot.
    public static func anonymous(from allowance: Allowance) -> Authentication {
        Authentication(authenticator: nil, mechanisms: [], allowsAnonymous: allowance)
    }

    /// Everybody has to.
    /// - Parameters:
    ///   - authenticator: who decides.
    ///   - mechanisms: those of the program's own, which are offered as well.
    ///   - allowsAnonymous: who may do without all the same. Default: nobody.
    public static func required(
        _ authenticator: any Authenticator, mechanisms: [any SASLServerMechanism] = [],
        allowsAnonymous: Allowance = .never
    ) -> Authentication {
        Authentication(authenticator: authenticator, mechanisms: mechanisms, allowsAnonymous: allowsAnonymous)
    }

    /// Everybody has to, by a mechanism of the program's own.
    public static func required(
        mechanisms: [any SASLServerMechanism], allowsAnonymous: Allowance = .never
    ) -> Authentication {
        Authentication(authenticator: nil, mechanisms: mechanisms, allowsAnonymous: allowsAnonymous)
    }

    /// Whether the clients of a listener have to log in, so that none may leave SASL out.
    package func isRequired(onLoopback: Bool) -> Bool { !allowsAnonymous.includes(isLoopback: onLoopback) }
}

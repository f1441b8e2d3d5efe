// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What a client logs in with.
public struct Credentials: Sendable, Equatable {
    enum Kind: Equatable {
        case anonymous(user: String?)
        case external
        case password(user: String, password: String)
        case token(user: String?, token: String)
    }

    let kind: Kind
    /// Whom to act as, where that is another than the user who logs in; nil is the user.
    public var authorization: String?

    /// No log-in: ANONYMOUS, or EXTERNAL where a client certificate is given.
    public static let anonymous = Credentials(kind: .anonymous(user: nil))

    /// The client certificate of TLS: EXTERNAL, and nothing else.
    public static let external = Credentials(kind: .external)

    /// A user with a password: SCRAM, or PLAIN where the server knows no SCRAM. Never ANONYMOUS.
    public static func password(user: String, password: String) -> Credentials {
        Credentials(kind: .password(user: user, password: password))
    }

    /// A token of OAuth 2.0: OAUTHBEARER or XOAUTH2.
    ///
    /// Servers that want the token in the place of a password, as RabbitMQ does, take `password(user:password:)`.
    public static func token(user: String? = nil, token: String) -> Credentials {
        Credentials(kind: .token(user: user, token: token))
    }

    /// Those of a user without a password, as proton has them: ANONYMOUS, whose trace is the user's name.
    package static func anonymous(user: String?) -> Credentials { Credentials(kind: .anonymous(user: user)) }

    /// The name of the user; nil where there is none.
    public var user: String? {
        switch kind {
        case .anonymous(let user), .token(let user, _): user
        case .external: nil
        case .password(let user, _): user
        }
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The user, without the secret.
    public var description: String {
        switch kind {
        case .anonymous: "anonymous"
        case .external: "the client certificate"
        case .password(let user, _): "user \(user), password (hidden)"
        case .token(let user, _): "user \(user ?? "none"), token (hidden)"
        }
    }
    /// The same as `description`.
    public var debugDescription: String { description }
    /// The user, without the secret.
    public var customMirror: Mirror { Mirror(self, children: ["user": user as Any]) }
}

/// Where a client's credentials come from.
public enum CredentialSource: Sendable, CustomStringConvertible, CustomReflectable {
    /// They are always the same.
    case fixed(Credentials)
    /// They are asked for when a server wants them, at each try: for tokens that expire.
    ///
    /// It is told how many times it was asked before on this connection, and runs off the connection's thread. What it throws
    /// ends the try with `ProtonError.Code.authenticationUnavailable`, which is tried again, unless it throws a `ProtonError`
    /// of another code. It has as long as the handshake: `ConnectionLimits.handshakeTimeout`.
    case provider(@Sendable (_ attempt: Int) async throws -> Credentials)

    /// A user with a password.
    public static func password(user: String, password: String) -> CredentialSource {
        .fixed(.password(user: user, password: password))
    }

    /// A token of OAuth 2.0.
    public static func token(user: String? = nil, token: String) -> CredentialSource {
        .fixed(.token(user: user, token: token))
    }

    /// What kind of source it is, without the secret.
    public var description: String {
        switch self {
        case .fixed(let credentials): credentials.description
        case .provider: "a provider"
        }
    }

    /// Nothing of the secret.
    public var customMirror: Mirror { Mirror(self, children: ["source": description]) }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The credentials that a client authenticates with.
public struct Credentials: Sendable, Equatable {
    enum Kind: Equatable {
        case anonymous(user: String?)
        case external
        case password(user: String, password: String)
        case token(user: String?, token: String)
    }

    let kind: Kind
    /// The authorization identity: the user to act as, if it is not the authenticated user; nil means the authenticated user.
    public var authorization: String?

    /// No credentials: ANONYMOUS, or EXTERNAL if there is a client certificate.
    public static let anonymous = Credentials(kind: .anonymous(user: nil))

    /// The client certificate of TLS, with EXTERNAL only.
    public static let external = Credentials(kind: .external)

    /// A user name and a password: SCRAM, or PLAIN if the server does not support SCRAM. Never ANONYMOUS.
    public static func password(user: String, password: String) -> Credentials {
        Credentials(kind: .password(user: user, password: password))
    }

    /// A token of OAuth 2.0: OAUTHBEARER or XOAUTH2.
    ///
    /// For servers that accept the token as a password, such as RabbitMQ, use `password(user:password:)`.
    public static func token(user: String? = nil, token: String) -> Credentials {
        Credentials(kind: .token(user: user, token: token))
    }

    /// A user without a password, as in proton: ANONYMOUS, with the user name as its trace information.
    package static func anonymous(user: String?) -> Credentials { Credentials(kind: .anonymous(user: user)) }

    /// The user name; nil if there is none.
    public var user: String? {
        switch kind {
        case .anonymous(let user), .token(let user, _): user
        case .external: nil
        case .password(let user, _): user
        }
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The user name, without the secret.
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
    /// The user name, without the secret.
    public var customMirror: Mirror { Mirror(self, children: ["user": user as Any]) }
}

/// The source of a client's credentials.
public enum CredentialSource: Sendable, CustomStringConvertible, CustomReflectable {
    /// Fixed credentials.
    case fixed(Credentials)
    /// A closure that is called at each try, when the server requests credentials: for tokens that expire.
    ///
    /// `attempt` is the number of earlier calls on this connection. The closure runs off the connection's thread. If it throws,
    /// the try ends with `ProtonError.Code.authenticationUnavailable`, and the connection is tried again, unless the error is a
    /// `ProtonError` with another code. Its time limit is that of the handshake: `ConnectionLimits.handshakeTimeout`.
    case provider(@Sendable (_ attempt: Int) async throws -> Credentials)

    /// A user name and a password.
    public static func password(user: String, password: String) -> CredentialSource {
        .fixed(.password(user: user, password: password))
    }

    /// A token of OAuth 2.0.
    public static func token(user: String? = nil, token: String) -> CredentialSource {
        .fixed(.token(user: user, token: token))
    }

    /// The kind of the source, without the secret.
    public var description: String {
        switch self {
        case .fixed(let credentials): credentials.description
        case .provider: "a provider"
        }
    }

    /// The kind of the source, without the secret.
    public var customMirror: Mirror { Mirror(self, children: ["source": description]) }
}

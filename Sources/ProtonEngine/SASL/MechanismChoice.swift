// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Selects one of a server's mechanisms for a client.
struct MechanismChoice {
    /// The settings of the program, and the properties of the connection.
    struct Circumstances {
        /// The mechanisms that may be used; nil means all.
        var allowed: Set<SASLMechanism>?
        /// The program's own mechanisms, which precede the others.
        var custom: [any SASLClientMechanism] = []
        /// Whether a secret may be sent in plaintext: over TLS, or on a connection where that is allowed.
        var isProtected = true
        /// Whether this side presents a certificate in TLS.
        var hasCertificate = false
        /// The host that the client wants to connect to.
        var host: String?
        /// Makes a nonce for SCRAM; nil if the system has no random bytes.
        var makeNonce: @Sendable () -> String? = SCRAMClient.makeNonce
    }

    /// The reason why an offered mechanism is not used.
    enum Obstacle: Equatable {
        /// The program's `allowedMechanisms` does not include it.
        case notAllowed
        /// It would send a secret over a connection without protection.
        case unprotected
        /// It does not authenticate, and there is a password or a token.
        case anonymous
        /// It requires a password or a client certificate, and there is none.
        case noCredentials
        /// It is not implemented here.
        case unknown
    }

    let name: SASLMechanism
    let exchange: any ClientExchange

    /// The mechanisms of this package, the strongest first.
    static let order: [SASLMechanism] = [
        .external, .scramSHA512, .scramSHA256, .scramSHA1, .oauthBearer, .xoauth2, .plain, .anonymous,
    ]

    /// Selects the strongest usable mechanism of those offered; the program's own mechanisms come first.
    /// - Returns: if none is usable, the obstacle for each.
    static func choose(
        from offered: [SASLMechanism], with credentials: Credentials, _ circumstances: Circumstances
    ) -> Result<MechanismChoice, LoginFailure> {
        for mechanism in circumstances.custom where offered.contains(mechanism.name) {
            guard circumstances.allows(mechanism.name), circumstances.isProtected || !mechanism.needsProtection,
                let exchange = mechanism.begin(credentials, host: circumstances.host)
            else { continue }
            return .success(MechanismChoice(name: mechanism.name, exchange: CustomExchange(exchange: exchange)))
        }
        for name in order where offered.contains(name) {
            if case .success(let exchange) = exchange(name, credentials, circumstances) {
                return .success(MechanismChoice(name: name, exchange: exchange))
            }
        }
        let obstacles = offered.map { name -> (SASLMechanism, Obstacle) in
            if case .failure(let reason) = exchange(name, credentials, circumstances) { return (name, reason.obstacle) }
            return (name, .unknown)
        }
        return .failure(.noMechanism(obstacles))
    }

    private struct Refusal: Error {
        let obstacle: Obstacle
    }

    private static func exchange(
        _ name: SASLMechanism, _ credentials: Credentials, _ circumstances: Circumstances
    ) -> Result<any ClientExchange, Refusal> {
        guard order.contains(name) else { return .failure(Refusal(obstacle: .unknown)) }
        guard circumstances.allows(name) else { return .failure(Refusal(obstacle: .notAllowed)) }
        guard let exchange = exchange(name, of: credentials, circumstances) else {
            let isAnonymous = name == .anonymous
            return .failure(Refusal(obstacle: isAnonymous ? .anonymous : .noCredentials))
        }
        let sendsSecret = [.plain, .oauthBearer, .xoauth2].contains(name)
        guard circumstances.isProtected || !sendsSecret else { return .failure(Refusal(obstacle: .unprotected)) }
        return .success(exchange)
    }

    /// Begins an exchange of a mechanism; nil if the credentials do not suit it.
    private static func exchange(
        _ name: SASLMechanism, of credentials: Credentials, _ circumstances: Circumstances
    ) -> (any ClientExchange)? {
        switch (name, credentials.kind) {
        case (.external, .external):
            return SingleResponse.external(credentials.authorization)
        // If the program allows only EXTERNAL, the server may identify this side by other means.
        case (.external, _) where circumstances.hasCertificate || circumstances.allowed == [.external]:
            return SingleResponse.external(credentials.authorization)
        case (.anonymous, .anonymous(let user)):
            return SingleResponse.anonymous(user: user)
        case (.plain, .password(let user, let password)):
            return SingleResponse.plain(user: user, password: password, authorization: credentials.authorization)
        case (.scramSHA1, .password), (.scramSHA256, .password), (.scramSHA512, .password):
            return scram(name, credentials, circumstances)
        case (.oauthBearer, .token(let user, let token)):
            return TokenExchange.oauthBearer(user: user, token: token, host: circumstances.host)
        case (.xoauth2, .token(let user, let token)):
            return TokenExchange.xoauth2(user: user, token: token)
        default: return nil
        }
    }

    private static func scram(
        _ name: SASLMechanism, _ credentials: Credentials, _ circumstances: Circumstances
    ) -> (any ClientExchange)? {
        guard case .password(let name_, let text) = credentials.kind,
            let hash = SCRAMHash.allCases.first(where: { $0.mechanism == name }),
            let user = PreparedText.prepare(name_), let password = PreparedText.prepare(text),
            let nonce = circumstances.makeNonce()
        else { return nil }
        let client = SCRAMClient(hash, user: user, authorization: credentials.authorization, nonce: nonce)
        return SCRAMExchange(client, password: password)
    }
}

extension MechanismChoice.Circumstances {
    func allows(_ name: SASLMechanism) -> Bool { allowed?.contains(name) ?? true }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// PLAIN at a listener (RFC 4616).
struct PlainServer: SASLServerExchange {
    let authenticator: any Authenticator
    let peer: SASLPeer

    /// The parts of a message.
    struct Message: Equatable {
        var authorization: String?
        var user: String
        var password: String
    }

    /// Parses a message, `[authorization] NUL user NUL password`; nil if it is invalid.
    static func parse(_ bytes: [UInt8]) -> Message? {
        let parts = bytes.split(separator: 0, omittingEmptySubsequences: false)
        guard parts.count == 3, let user = text(parts[1]), let password = text(parts[2]) else { return nil }
        guard !parts[0].isEmpty else { return Message(user: user, password: password) }
        return text(parts[0]).map { Message(authorization: $0, user: user, password: password) }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        String(validating: bytes, as: UTF8.self).flatMap(PreparedText.prepare)
    }

    mutating func respond(to response: [UInt8]?) async throws -> SASLServerStep {
        guard let response else { return .challenge([]) }
        guard let message = PlainServer.parse(response) else { return .failure(user: nil, .malformed) }
        let login = PasswordLogin(user: message.user, password: message.password, peer: peer)
        guard try await authenticator.verify(login) else { return .failure(user: message.user) }
        return .success(user: message.user, authorization: message.authorization)
    }
}

/// SCRAM at a listener (RFC 5802): combines the authenticator's credentials with the state machine.
struct SCRAMServerExchange: SASLServerExchange {
    private let authenticator: any Authenticator
    private var server: SCRAMServer
    private let decoySecret: [UInt8]

    init(_ authenticator: any Authenticator, _ hash: SCRAMHash, nonce: String, decoySecret: [UInt8]) {
        self.authenticator = authenticator
        self.decoySecret = decoySecret
        server = SCRAMServer(hash, nonce: nonce)
    }

    mutating func respond(to response: [UInt8]?) async throws -> SASLServerStep {
        guard let response else { return .challenge([]) }
        switch server.respond(to: response) {
        case .find(let user):
            let credential = try await authenticator.scramCredential(for: user, hash: server.hash)
            return .challenge(server.found(credential ?? decoy(user)))
        case .success(let user, let authorization, let data):
            return .success(user: user, authorization: authorization, data: data)
        case .failure(let user): return .failure(user: user, user == nil ? .malformed : .wrongCredentials)
        }
    }

    private func decoy(_ user: String) -> SCRAMCredential {
        .decoy(
            user: user, hash: server.hash, iterations: authenticator.decoyIterations, secret: decoySecret)
    }
}

/// EXTERNAL at a listener: TLS has identified the user, and the message has the user that the client wants to act as.
struct ExternalServer: SASLServerExchange {
    let authenticator: (any Authenticator)?
    let user: String

    mutating func respond(to response: [UInt8]?) async throws -> SASLServerStep {
        guard try await authenticator?.admits(certificateUser: user) ?? true else { return .failure(user: user) }
        guard let response, !response.isEmpty else { return .success(user: user) }
        let text = String(validating: response, as: UTF8.self).flatMap(PreparedText.prepare)
        return text.map { .success(user: user, authorization: $0) } ?? .failure(user: user, .malformed)
    }
}

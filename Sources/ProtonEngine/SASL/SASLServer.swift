// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A listener's side of SASL (AMQP 1.0, 5.3): a state machine, independent of proton, threads and time.
struct SASLServer {
    /// The result of an exchange.
    enum Verdict: Equatable, Sendable {
        case success(user: String, authorization: String, data: [UInt8]?)
        case failure(LoginAttempt)
    }

    private enum State {
        /// Waiting for the client to choose a mechanism.
        case offering
        /// Waiting for a check of the client's data, off the connection's thread.
        case checking(SASLMechanism, steps: Int)
        /// Waiting for the client's response.
        case challenged(SASLMechanism, any SASLServerExchange, steps: Int)
        /// The client is refused; waiting for the authenticator to receive the attempt.
        case reporting
        case ended
    }

    enum Action {
        case none
        /// Send sasl-challenge.
        case challenge([UInt8])
        /// Check this off the connection's thread; `checked` follows.
        case check(any SASLServerExchange, [UInt8]?)
        /// Send sasl-outcome.
        case end(Verdict)
        /// Report an attempt to the authenticator, off the connection's thread; `reported` follows.
        case report(LoginAttempt)
    }

    /// The result of a check.
    enum Checked: Sendable {
        case challenge([UInt8], next: any SASLServerExchange)
        case end(Verdict)
    }

    /// The maximum number of a client's responses, including the initial one.
    static let maxSteps = 8
    /// The maximum size of a response, in bytes.
    static let maxResponseSize = 16_384

    private let authentication: Authentication
    /// The mechanisms that may be used; nil means all.
    private var allowed: Set<SASLMechanism>?
    private let allowsInsecure: Allowance
    private let decoySecret: [UInt8]
    private var state = State.offering

    init(
        _ authentication: Authentication, allowed: Set<SASLMechanism>?, allowsInsecure: Allowance,
        decoySecret: [UInt8] = SASLServer.decoySecret
    ) {
        (self.authentication, self.allowed, self.allowsInsecure) = (authentication, allowed, allowsInsecure)
        self.decoySecret = decoySecret
    }

    /// The secret that the salts of unknown users are derived from, for this process.
    static let decoySecret = Secrets.random(32) ?? []

    /// The user name of a client that does not authenticate.
    static let anonymousUser = "anonymous"

    // MARK: Mechanisms

    /// Disables all mechanisms.
    mutating func forbid() { allowed = [] }

    /// The maximum number of mechanisms that are offered: proton 0.37 has room for 32, and writes beyond that.
    static let maxMechanisms = 32

    /// The mechanisms that are offered to a peer, the strongest first.
    func offers(to peer: SASLPeer) -> [SASLMechanism] {
        let isProtected = peer.isEncrypted || allowsInsecure.includes(isLoopback: peer.isLoopback)
        var names: [SASLMechanism] = []
        if peer.certificateUser != nil, authentication.authenticator?.mechanisms.contains(.external) ?? true {
            names.append(.external)
        }
        names += authentication.mechanisms.filter { isProtected || !$0.needsProtection }.map(\.name).filter(\.isValid)
        if let authenticator = authentication.authenticator {
            let own: [SASLMechanism] = [.scramSHA512, .scramSHA256, .scramSHA1] + (isProtected ? [.plain] : [])
            names += own.filter { authenticator.mechanisms.contains($0) && !names.contains($0) }
        }
        if authentication.allowsAnonymous.includes(isLoopback: peer.isLoopback) { names.append(.anonymous) }
        return Array(names.filter { allowed?.contains($0) ?? true }.prefix(SASLServer.maxMechanisms))
    }

    private func begin(_ name: SASLMechanism, _ peer: SASLPeer) -> (any SASLServerExchange)? {
        if name == .external {
            return peer.certificateUser.map { ExternalServer(authenticator: authentication.authenticator, user: $0) }
        }
        if let own = authentication.mechanisms.first(where: { $0.name == name }) { return own.begin(peer) }
        guard let authenticator = authentication.authenticator else { return nil }
        if name == .plain { return PlainServer(authenticator: authenticator, peer: peer) }
        guard let hash = SCRAMHash.allCases.first(where: { $0.mechanism == name }), !decoySecret.isEmpty,
            let nonce = SCRAMClient.makeNonce()
        else { return nil }
        return SCRAMServerExchange(authenticator, hash, nonce: nonce, decoySecret: decoySecret)
    }

    // MARK: Frames

    /// Handles the client's choice of a mechanism (sasl-init).
    mutating func begin(_ name: SASLMechanism, _ response: [UInt8]?, _ peer: SASLPeer) -> Action {
        guard case .offering = state else { return violation(peer) }
        guard offers(to: peer).contains(name) else { return refuse(name, peer, .notOffered) }
        guard isTaken(response) else { return refuse(name, peer, .malformed) }
        if name == .anonymous {
            state = .ended
            return .end(.success(user: SASLServer.anonymousUser, authorization: SASLServer.anonymousUser, data: nil))
        }
        guard let exchange = begin(name, peer) else { return refuse(name, peer, .unavailable) }
        state = .checking(name, steps: 1)
        return .check(exchange, response)
    }

    /// Handles the client's response to a challenge (sasl-response).
    mutating func respond(_ response: [UInt8], _ peer: SASLPeer) -> Action {
        guard case .challenged(let name, let exchange, let steps) = state else { return violation(peer) }
        guard steps < SASLServer.maxSteps, isTaken(response) else { return refuse(name, peer, .malformed) }
        state = .checking(name, steps: steps + 1)
        return .check(exchange, response)
    }

    private func isTaken(_ response: [UInt8]?) -> Bool { response?.count ?? 0 <= SASLServer.maxResponseSize }

    /// Handles the result of a check, which the authenticator has received.
    mutating func checked(_ result: Checked) -> Action {
        guard case .checking(let name, let steps) = state else { return .none }
        switch result {
        case .challenge(let bytes, let next):
            state = .challenged(name, next, steps: steps)
            return .challenge(bytes)
        case .end(let verdict):
            state = .ended
            return .end(verdict)
        }
    }

    /// Handles the end of the report to the authenticator.
    mutating func reported(_ attempt: LoginAttempt) -> Action {
        guard case .reporting = state else { return .none }
        state = .ended
        return .end(.failure(attempt))
    }

    /// Handles an unexpected frame, without waiting for a check in progress.
    private mutating func violation(_ peer: SASLPeer) -> Action {
        switch state {
        case .offering: return refuse("", peer, .malformed)
        case .checking(let name, _), .challenged(let name, _, _): return refuse(name, peer, .malformed)
        case .reporting, .ended: return .none
        }
    }

    private mutating func refuse(_ name: SASLMechanism, _ peer: SASLPeer, _ outcome: LoginAttempt.Outcome) -> Action {
        let attempt = LoginAttempt(mechanism: name, user: nil, peer: peer, outcome: outcome)
        guard authentication.authenticator != nil else {
            state = .ended
            return .end(.failure(attempt))
        }
        state = .reporting
        return .report(attempt)
    }

    // MARK: Off the connection's thread

    /// Checks the client's data, and reports the outcome to the authenticator; runs off the connection's thread.
    static func check(
        _ exchange: any SASLServerExchange, _ response: [UInt8]?, _ name: SASLMechanism, _ peer: SASLPeer,
        _ authenticator: (any Authenticator)?
    ) async -> Checked {
        var exchange = exchange
        let step: SASLServerStep
        do {
            step = try await exchange.respond(to: response)
        } catch {
            step = .failure(user: nil, .unavailable)
        }
        if case .challenge(let bytes) = step { return .challenge(bytes, next: exchange) }
        let verdict = await decide(step, name, peer, authenticator)
        switch verdict {
        case .success(let user, _, _):
            await authenticator?.accepted(LoginAttempt(mechanism: name, user: user, peer: peer, outcome: .accepted))
        case .failure(let attempt): await authenticator?.refused(attempt)
        }
        return .end(verdict)
    }

    private static func decide(
        _ step: SASLServerStep, _ name: SASLMechanism, _ peer: SASLPeer, _ authenticator: (any Authenticator)?
    ) async -> Verdict {
        func failure(_ user: String?, _ outcome: LoginAttempt.Outcome) -> Verdict {
            .failure(LoginAttempt(mechanism: name, user: user, peer: peer, outcome: outcome))
        }
        switch step {
        case .challenge: return failure(nil, .malformed)
        case .failure(let user, let outcome): return failure(user, outcome == .accepted ? .wrongCredentials : outcome)
        case .success(let user, let authorization, let data):
            guard !user.utf8.contains(0), !(authorization ?? "").utf8.contains(0) else {
                return failure(user, .malformed)
            }
            guard let authorization, !authorization.isEmpty, authorization != user else {
                return .success(user: user, authorization: user, data: data)
            }
            do {
                guard try await authenticator?.permits(user, toActAs: authorization) ?? false else {
                    return failure(user, .notPermitted)
                }
            } catch {
                return failure(user, .unavailable)
            }
            return .success(user: user, authorization: authorization, data: data)
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonEngine

/// The state machines of an exchange, client and listener, without proton.
struct SASLStateTests {
    // MARK: A client

    private static let password = Credentials.password(user: "u", password: "p")

    private static func client(_ offered: [SASLMechanism] = [.plain]) -> SASLClient {
        var client = SASLClient()
        _ = client.take(offered, password, MechanismChoice.Circumstances())
        return client
    }

    private static func failure(_ action: SASLClient.Action) -> LoginFailure? {
        if case .fail(let failure) = action { failure } else { nil }
    }

    private static func isUntrusted(_ action: SASLClient.Action) -> Bool {
        if case .untrusted = failure(action) { true } else { false }
    }

    @Test func aClientsOrder() {
        var fresh = SASLClient()
        #expect(Self.isUntrusted(fresh.outcome(0, nil)))
        fresh = SASLClient()
        #expect(Self.isUntrusted(fresh.challenge([])))
        var chosen = Self.client()
        #expect(Self.isUntrusted(chosen.take([.plain], Self.password, MechanismChoice.Circumstances())))
        var done = Self.client()
        guard case .none = done.outcome(0, nil), case .succeeded = done.state else { return #expect(Bool(false)) }
        #expect(Self.isUntrusted(done.outcome(0, nil)))
        // What has failed stays failed, whatever follows.
        var failed = Self.client()
        #expect(Self.failure(failed.outcome(1, nil)) != nil)
        guard case .none = failed.outcome(0, nil), case .failed = failed.state else { return #expect(Bool(false)) }
        guard case .none = failed.challenge([]), case .failed = failed.state else { return #expect(Bool(false)) }
    }

    @Test func aClientAnswersEightChallenges() {
        var client = Self.client()
        for _ in 0..<SASLClient.maxSteps {
            guard case .respond = client.challenge([]) else { return #expect(Bool(false)) }
        }
        #expect(Self.isUntrusted(client.challenge([])))
        client = Self.client()
        #expect(Self.isUntrusted(client.challenge([UInt8](repeating: 0, count: SASLClient.maxChallengeSize + 1))))
    }

    @Test func credentialsThatComeLate() {
        var client = SASLClient()
        guard case .ask = client.take([.plain], nil, MechanismChoice.Circumstances()) else {
            return #expect(Bool(false))
        }
        // The server does not wait.
        #expect(Self.isUntrusted(client.outcome(0, nil)))
        guard case .none = client.take(.success(Self.password)) else { return #expect(Bool(false)) }
        client = SASLClient()
        _ = client.take([.plain], nil, MechanismChoice.Circumstances())
        guard case .begin(.plain, _) = client.take(.success(Self.password)) else { return #expect(Bool(false)) }
    }

    @Test func aPasswordIsHashedElsewhere() async throws {
        var client = Self.client([.scramSHA1])
        guard case .exchanging(_, var exchange, _) = client.state, case .send(let first?) = try exchange.start() else {
            return #expect(Bool(false))
        }
        let nonce = String(decoding: first, as: UTF8.self).split(separator: "r=").last ?? ""
        guard case .compute(let work) = client.challenge(Array("r=\(nonce)x,s=AAAA,i=4096".utf8)) else {
            return #expect(Bool(false))
        }
        // Meanwhile nothing else is taken.
        var impatient = client
        #expect(Self.isUntrusted(impatient.challenge([])))
        let result = try await work()
        guard case .none = impatient.computed(.success(result)) else { return #expect(Bool(false)) }
        guard case .respond = client.computed(.success(result)) else { return #expect(Bool(false)) }
        #expect(Self.isUntrusted(client.outcome(0, nil)))
    }

    // MARK: A listener

    private struct Users: Authenticator {
        var mechanisms: Set<SASLMechanism> = [.plain, .scramSHA256, .external]

        func verify(_ login: PasswordLogin) async throws -> Bool { login.password == "p" }
        func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential? { nil }
    }

    private static func server(
        _ authentication: Authentication = .required(Users()), allowed: Set<SASLMechanism>? = nil,
        _ allowsInsecure: Allowance = .onLoopback
    ) -> SASLServer {
        SASLServer(authentication, allowed: allowed, allowsInsecure: allowsInsecure)
    }

    private static let near = SASLPeer()
    private static let far = SASLPeer(isLoopback: false)
    private static let farByTLS = SASLPeer(isLoopback: false, isEncrypted: true)
    private static let certified = SASLPeer(isLoopback: false, isEncrypted: true, certificateUser: "CN=x")

    @Test func whatIsOffered() {
        #expect(Self.server().offers(to: Self.near) == [.scramSHA256, .plain])
        #expect(Self.server().offers(to: Self.far) == [.scramSHA256])
        #expect(Self.server().offers(to: Self.farByTLS) == [.scramSHA256, .plain])
        #expect(Self.server().offers(to: Self.certified) == [.external, .scramSHA256, .plain])
        #expect(Self.server(.required(Users()), .everywhere).offers(to: Self.far) == [.scramSHA256, .plain])
        #expect(Self.server(.required(Users()), .never).offers(to: Self.near) == [.scramSHA256])
        #expect(Self.server(.required(Users()), allowed: [.plain]).offers(to: Self.far) == [])
        #expect(Self.server(.required(Users(mechanisms: [.plain]))).offers(to: Self.certified) == [.plain])
        let anonymous = Authentication.required(Users(), allowsAnonymous: .onLoopback)
        #expect(Self.server(anonymous).offers(to: Self.near).last == .anonymous)
        #expect(!Self.server(anonymous).offers(to: Self.far).contains(.anonymous))
        #expect(Self.server(.anonymous).offers(to: Self.far) == [.anonymous])
        #expect(Self.server(.anonymous).offers(to: Self.certified) == [.external, .anonymous])
        #expect(Self.server(.anonymous(from: .onLoopback)).offers(to: Self.far) == [])
        let many = (0..<100).map { Named(name: SASLMechanism(rawValue: "M\($0)")) }
        #expect(Self.server(.required(mechanisms: many)).offers(to: Self.near).count == SASLServer.maxMechanisms)
    }

    private struct Named: SASLServerMechanism {
        let name: SASLMechanism

        func begin(_ peer: SASLPeer) -> any SASLServerExchange { Exchange() }

        struct Exchange: SASLServerExchange {
            mutating func respond(to response: [UInt8]?) async throws -> SASLServerStep {
                response == [0] ? .success(user: "a\0b") : .challenge([1])
            }
        }
    }

    @Test func whoMustLogInIsRequired() {
        let authentications: [(Authentication, Allowance)] = [
            (.anonymous, .everywhere), (.anonymous(from: .onLoopback), .onLoopback), (.required(Users()), .never),
            (.required(mechanisms: []), .never), (.required(Users(), allowsAnonymous: .everywhere), .everywhere),
        ]
        for (authentication, allowance) in authentications {
            for isLoopback in [true, false] {
                let isRequired = authentication.isRequired(onLoopback: isLoopback)
                #expect(isRequired != allowance.includes(isLoopback: isLoopback))
            }
        }
    }

    @Test func aLateAnswerDoesNotLogInWhoBrokeTheRules() async {
        var server = Self.server()
        guard case .check(let exchange, let response) = server.begin(.plain, Array("\0u\0p".utf8), Self.near) else {
            return #expect(Bool(false))
        }
        let result = await SASLServer.check(exchange, response, .plain, Self.near, Users())
        guard case .end(.success) = result else { return #expect(Bool(false)) }
        var patient = server
        guard case .end(.success("u", "u", nil)) = patient.checked(result) else { return #expect(Bool(false)) }
        // A second choice, or a response, before that.
        for second in [true, false] {
            var server = server
            let action = second ? server.begin(.plain, [], Self.near) : server.respond([], Self.near)
            guard case .report(let attempt) = action, case .none = server.checked(result),
                case .none = server.begin(.plain, [], Self.near), case .none = server.respond([], Self.near),
                case .end(.failure(attempt)) = server.reported(attempt), case .none = server.reported(attempt)
            else { return #expect(Bool(false)) }
            #expect(attempt.outcome == .malformed)
        }
    }

    @Test func aListenerTakesEightResponses() async {
        var server = Self.server(.required(mechanisms: [Named(name: "M")]))
        guard case .check(let exchange, let first) = server.begin("M", nil, Self.near) else {
            return #expect(Bool(false))
        }
        var result = await SASLServer.check(exchange, first, "M", Self.near, nil)
        for _ in 1..<SASLServer.maxSteps {
            guard case .challenge = server.checked(result),
                case .check(let exchange, let response) = server.respond([], Self.near)
            else { return #expect(Bool(false)) }
            result = await SASLServer.check(exchange, response, "M", Self.near, nil)
        }
        guard case .challenge = server.checked(result), case .end(.failure(let attempt)) = server.respond([], Self.near)
        else {
            return #expect(Bool(false))
        }
        #expect(attempt.outcome == .malformed)
    }

    @Test func aUserThatIsNoTextIsRefused() async {
        let result = await SASLServer.check(Named.Exchange(), [0], "M", Self.near, nil)
        guard case .end(.failure(let attempt)) = result else { return #expect(Bool(false)) }
        #expect(attempt.outcome == .malformed)
    }

    /// The user of a certificate, and whom it acts as.
    @Test func external() async throws {
        struct Picky: Authenticator {
            func verify(_ login: PasswordLogin) async throws -> Bool { false }
            func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential? { nil }
            func admits(certificateUser: String) async throws -> Bool { certificateUser == "CN=x" }
        }
        for (user, response, expected) in [
            ("CN=x", nil, SASLServerStep.success(user: "CN=x")), ("CN=x", [], .success(user: "CN=x")),
            ("CN=x", Array("y".utf8), .success(user: "CN=x", authorization: "y")), ("CN=z", [], .failure(user: "CN=z")),
            ("CN=x", [0xff], .failure(user: "CN=x", .malformed)), ("CN=x", [0], .failure(user: "CN=x", .malformed)),
        ] as [(String, [UInt8]?, SASLServerStep)] {
            var exchange = ExternalServer(authenticator: Picky(), user: user)
            #expect(try await exchange.respond(to: response) == expected)
        }
        var server = Self.server()
        guard case .report(let attempt) = server.begin(.external, [], Self.near) else { return #expect(Bool(false)) }
        #expect(attempt.outcome == .notOffered)
    }
}

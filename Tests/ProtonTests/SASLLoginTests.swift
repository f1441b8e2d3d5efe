// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// Logging in, from a client of ours to a listener of ours, over a socket.
@Suite(.timeLimit(.minutes(2)))
struct SASLLoginTests {
    static let mechanisms: [SASLMechanism] = [.scramSHA512, .scramSHA256, .scramSHA1, .plain]

    @Test(arguments: mechanisms) func rightAndWrongPasswords(_ mechanism: SASLMechanism) async throws {
        let users = TestUsers()
        try await LoginServer.run(.required(users)) { server in
            func login(_ text: String) -> ProtonError? {
                server.login(text) { $0.allowedMechanisms = [mechanism.rawValue] }
            }
            #expect(login("anna:secret@") == nil)
            #expect(login("bob:b%2C%3D%C3%A9@") == nil)
            let wrong = login("anna:Secret@")
            let unknown = login("carl:secret@")
            #expect(wrong?.code == .authenticationFailed && unknown?.code == .authenticationFailed)
            // Nothing tells one from the other.
            #expect(wrong?.message == unknown?.message && wrong?.condition == unknown?.condition)
            #expect(wrong?.message.contains("refused the log-in by \(mechanism)") == true)
            #expect(server.opened.lines == ["anna \(mechanism) anna", "bob \(mechanism) bob"])
        }
        #expect(
            users.attempts.lines == [
                "accepted anna \(mechanism)", "accepted bob \(mechanism)", "wrongCredentials anna \(mechanism)",
                "wrongCredentials carl \(mechanism)",
            ])
    }

    @Test func theStrongestMechanismIsUsed() async throws {
        for (offered, used) in [
            (Set(Self.mechanisms), SASLMechanism.scramSHA512), ([.plain, .scramSHA1], .scramSHA1), ([.plain], .plain),
        ] {
            try await LoginServer.run(.required(TestUsers(mechanisms: offered))) { server in
                #expect(server.login("anna:secret@") == nil)
                #expect(server.opened.lines == ["anna \(used) anna"])
            }
        }
    }

    @Test func whoGivesNoPasswordDoesNotComeIn() async throws {
        let users = TestUsers()
        try await LoginServer.run(.required(users)) { server in
            let error = server.login()
            #expect(
                error?.code == .authenticationFailed && error?.message.contains("give a user and a password") == true)
            // Nor who leaves SASL out.
            let without = server.login { $0.usesSASL = false }
            #expect(without != nil && server.opened.lines.isEmpty)
        }
    }

    @Test func anonymousMayBeAllowedBesides() async throws {
        try await LoginServer.run(.required(TestUsers(), allowsAnonymous: .onLoopback)) { server in
            #expect(server.login() == nil && server.login("anna:secret@") == nil)
            #expect(server.login("anna:wrong@")?.code == .authenticationFailed)
            #expect(server.opened.lines == ["anonymous ANONYMOUS anonymous", "anna SCRAM-SHA-512 anna"])
        }
    }

    @Test func aListenerWithoutUsersKnowsNoPassword() async throws {
        try await LoginServer.run(.anonymous) { server in
            #expect(server.login() == nil && server.login { $0.usesSASL = false } == nil)
            let error = server.login("anna:secret@")
            #expect(error?.code == .authenticationFailed && error?.message.contains("leave the password out") == true)
            #expect(server.opened.lines == ["anonymous ANONYMOUS anonymous", "anonymous none none"])
        }
        try await LoginServer.run(.anonymous(from: .never)) { server in
            #expect(server.login()?.message.contains("it offers none") == true)
            #expect(server.opened.lines.isEmpty)
        }
    }

    @Test func aPasswordGoesProtectedOnlyWhereToldSo() async throws {
        // The client does not send it.
        try await LoginServer.run(.required(TestUsers(mechanisms: [.plain]))) { server in
            let error = server.login("anna:secret@") { $0.allowsInsecureMechanisms = false }
            #expect(error?.code == .authenticationFailed && error?.message.contains("connect by amqps") == true)
        }
        // The server does not take it.
        let users = TestUsers(mechanisms: [.plain, .scramSHA256])
        let change: @Sendable (inout ConnectionOptions) -> Void = { $0.allowsInsecureMechanisms = .never }
        try await LoginServer.run(.required(users), change) { server in
            #expect(server.login("anna:secret@") == nil)
            #expect(server.login("anna:secret@") { $0.allowedMechanisms = ["PLAIN"] }?.code == .authenticationFailed)
            #expect(server.opened.lines == ["anna SCRAM-SHA-256 anna"])
        }
    }

    @Test func whoMayNotActAsAnotherDoesNot() async throws {
        for mechanism in Self.mechanisms {
            let users = TestUsers(users: ["anna": "secret", "bob": "secret"], mechanisms: [mechanism])
            try await LoginServer.run(.required(users)) { server in
                func login(_ user: String, as other: String) -> ProtonError? {
                    var credentials = Credentials.password(user: user, password: "secret")
                    credentials.authorization = other
                    return server.login { [credentials] in $0.credentials = .fixed(credentials) }
                }
                #expect(login("anna", as: "bob") == nil && login("anna", as: "anna") == nil)
                #expect(login("bob", as: "anna")?.code == .authenticationFailed)
                #expect(server.opened.lines == ["anna \(mechanism) bob", "anna \(mechanism) anna"])
            }
            #expect(users.attempts.lines.last == "notPermitted bob \(mechanism)")
        }
    }

    @Test(arguments: mechanisms) func whatCannotBeCheckedIsATemporaryFailure(_ mechanism: SASLMechanism) async throws {
        let users = TestUsers(mechanisms: [mechanism], fails: true)
        try await LoginServer.run(.required(users)) { server in
            let error = server.login("anna:secret@")
            #expect(error?.code == .authenticationUnavailable && error?.message.contains("try again later") == true)
            #expect(ReconnectPolicy.transient.triesAgain(after: error ?? ProtonError(.authenticationFailed, "")))
        }
        #expect(users.attempts.lines == ["unavailable none \(mechanism)"])
    }

    @Test func credentialsAreAskedForAtEachTry() async throws {
        let asked = SharedLog()
        try await LoginServer.run(.required(TestUsers())) { server in
            let source = CredentialSource.provider { attempt in
                asked.note("\(attempt)")
                return .password(user: "anna", password: "secret")
            }
            #expect(server.login { $0.credentials = source } == nil && server.login { $0.credentials = source } == nil)
            // The URL's password wins.
            #expect(server.login("anna:wrong@") { $0.credentials = source }?.code == .authenticationFailed)
            #expect(server.opened.lines.count == 2)
            let failing = CredentialSource.provider { _ in throw TestError("no token") }
            let error = server.login { $0.credentials = failing }
            #expect(
                error?.code == .authenticationUnavailable
                    && error?.underlyingError as? TestError == TestError("no token"))
            let final = CredentialSource.provider { _ in throw ProtonError(.authenticationFailed, "gone") }
            #expect(server.login { $0.credentials = final }?.message == "gone")
        }
        #expect(asked.lines == ["0", "0"])
    }

    @Test func theUserOfAProviderIsTheConnections() async throws {
        try await LoginServer.run(.required(TestUsers())) { server in
            let log = SharedLog()
            let client = Scripted("client")
            defer { client.forget() }
            var options = ConnectionOptions.once
            options.credentials = .provider { _ in .password(user: "anna", password: "secret") }
            client.on("onStart") { (event: ContainerEvent) in try event.container.connect(server.address) }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in
                log.note("\(event.connection.user ?? "none") \(event.transport?.mechanism?.rawValue ?? "none")")
                event.connection.close()
            }
            try Container(client, options: options).run()
            #expect(log.lines == ["anna SCRAM-SHA-512"])
        }
    }

    @Test func mechanismsOfTheProgramOnBothSides() async throws {
        for authentication: Authentication in [
            .required(mechanisms: [Reversing()]), .required(TestUsers(), mechanisms: [Reversing()]),
        ] {
            try await LoginServer.run(authentication) { server in
                #expect(server.login("anna:secret@") { $0.clientMechanisms = [Reversing()] } == nil)
                #expect(
                    server.login("mallory:secret@") { $0.clientMechanisms = [Reversing()] }?.code
                        == .authenticationFailed)
                #expect(server.opened.lines == ["anna X-REVERSING anna"])
            }
        }
    }

    @Test func longTextsPass() async throws {
        let password = String(repeating: "x", count: 1_024)
        let user = String(repeating: "u", count: 1_024)
        try await LoginServer.run(.required(TestUsers(users: [user: password]))) { server in
            for mechanism in Self.mechanisms {
                #expect(server.login("\(user):\(password)@") { $0.allowedMechanisms = [mechanism.rawValue] } == nil)
            }
        }
    }

    @Test func manyAtOnce() async throws {
        try await LoginServer.run(.required(TestUsers())) { server in
            let errors = SharedLog()
            let log = SharedLog()
            let client = Scripted("client")
            defer { client.forget() }
            client.on("onStart") { (event: ContainerEvent) in
                for index in 0..<60 {
                    try event.container.connect(
                        "anna:\(index.isMultiple(of: 3) ? "wrong" : "secret")@\(server.address)")
                }
            }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in
                log.note("in")
                event.connection.close()
            }
            client.on("onTransportError") { (event: TransportEvent) in
                errors.note("\(event.error.map { "\($0.code)" } ?? "none")")
            }
            try Container(client, options: .once).run()
            #expect(log.lines.count == 40 && errors.lines == [String](repeating: "authenticationFailed", count: 20))
        }
    }
}

/// A mechanism of two steps: the client says a name, and then says what the server says backwards.
struct Reversing: SASLClientMechanism, SASLServerMechanism {
    let name: SASLMechanism = "X-REVERSING"
    var needsProtection: Bool { false }

    func begin(_ credentials: Credentials, host: String?) -> (any SASLClientExchange)? {
        credentials.user.map { Client(user: $0) }
    }

    func begin(_ peer: SASLPeer) -> any SASLServerExchange { Server() }

    struct Client: SASLClientExchange {
        let user: String

        mutating func start() async throws -> [UInt8]? { Array(user.utf8) }
        mutating func respond(to challenge: [UInt8]) async throws -> [UInt8] { challenge.reversed() }
        mutating func finish(_ data: [UInt8]?) throws {
            if data != [1, 2] { throw TestError("not proved") }
        }
    }

    struct Server: SASLServerExchange {
        private var user: String?

        mutating func respond(to response: [UInt8]?) async throws -> SASLServerStep {
            guard let user else {
                user = String(decoding: response ?? [], as: UTF8.self)
                return .challenge([1, 2, 3])
            }
            let isRight = response == [3, 2, 1] && user != "mallory"
            return isRight ? .success(user: user, data: [1, 2]) : .failure(user: user)
        }
    }
}

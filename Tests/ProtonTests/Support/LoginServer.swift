// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton
import ProtonTesting
import Synchronization

/// A listener that wants log-ins, and what it is told of those who come.
final class LoginServer: Sendable {
    private let server: BlockingServer
    /// `USER MECHANISM AUTHORIZATION` of each client that opens a connection.
    let opened: SharedLog
    /// `OUTCOME USER MECHANISM` of each try.
    let attempts: SharedLog

    init(_ options: ConnectionOptions, attempts: SharedLog = SharedLog()) throws {
        let opened = SharedLog()
        (self.opened, self.attempts) = (opened, attempts)
        server = try BlockingServer(options: options) { Recorder(opened) }
    }

    var port: Int { server.port }
    var address: String { server.url }

    func stop() throws { try server.stop() }

    /// Connects and closes again.
    /// - Returns: the error, where there is one.
    func login(
        _ login: String = "", _ change: (inout ConnectionOptions) -> Void = { _ in }
    ) -> ProtonError? {
        var options = ConnectionOptions.once
        change(&options)
        do {
            try BlockingConnection("\(login)\(address)", timeout: .seconds(10), options: options).close()
            return nil
        } catch {
            return error as? ProtonError ?? ProtonError(.invalidArgument, "another error: \(error)")
        }
    }

    /// Runs a test with a server, on a thread that may block.
    static func run(
        _ authentication: Authentication, attempts: SharedLog = SharedLog(),
        _ change: @escaping @Sendable (inout ConnectionOptions) -> Void = { _ in },
        _ body: @escaping @Sendable (LoginServer) throws -> Void
    ) async throws {
        try await onThread {
            var options = ConnectionOptions.once
            options.authentication = authentication
            change(&options)
            let server = try LoginServer(options, attempts: attempts)
            try body(server)
            try server.stop()
        }
    }
}

private final class Recorder: MessagingHandler {
    private let log: SharedLog

    init(_ log: SharedLog) { self.log = log }

    func onConnectionOpening(_ event: ConnectionEvent) {
        let transport = event.connection.transport
        let parts = [
            event.connection.user, transport?.mechanism?.rawValue, transport?.authorization,
        ]
        log.note(parts.map { $0 ?? "none" }.joined(separator: " "))
    }
}

/// Users in memory, with passwords as they are, that notes all tries.
struct TestUsers: Authenticator {
    var users: [String: String] = ["anna": "secret", "bob": "b,=\u{e9}"]
    var mechanisms: Set<SASLMechanism> = [.external, .scramSHA512, .scramSHA256, .scramSHA1, .plain]
    var attempts = SharedLog()
    var fails = false

    func verify(_ login: PasswordLogin) async throws -> Bool {
        if fails { throw TestError("no database") }
        return users[login.user] == login.password
    }

    func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential? {
        if fails { throw TestError("no database") }
        return try users[user].map { try SCRAMCredential(password: $0, hash: hash, iterations: 4_096) }
    }

    func permits(_ user: String, toActAs authorization: String) async throws -> Bool {
        user == "anna" && authorization == "bob"
    }

    var decoyIterations: Int { 4_096 }

    func accepted(_ attempt: LoginAttempt) async { note(attempt) }
    func refused(_ attempt: LoginAttempt) async { note(attempt) }

    private func note(_ attempt: LoginAttempt) {
        attempts.note("\(attempt.outcome) \(attempt.user ?? "none") \(attempt.mechanism)")
    }
}

/// A folder that is removed with the value.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/swift-qpid-proton.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw TestError("no folder") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for name in ["users", "users.lock", "link"] { unlink("\(path)/\(name)") }
        rmdir(path)
    }
}

/// Frames that another thread has got.
final class SharedFrames: Sendable {
    private let state = Mutex<[Frame]>([])

    var frames: [Frame] { state.withLock { $0 } }

    func set(_ frames: [Frame]) { state.withLock { $0 = frames } }
}

/// A mechanism that asks without end.
struct Endless: SASLServerMechanism, SASLClientMechanism {
    let name: SASLMechanism = "X-ENDLESS"
    var needsProtection: Bool { false }

    func begin(_ peer: SASLPeer) -> any SASLServerExchange { Server() }
    func begin(_ credentials: Credentials, host: String?) -> (any SASLClientExchange)? { Client() }

    struct Server: SASLServerExchange {
        mutating func respond(to response: [UInt8]?) async throws -> SASLServerStep {
            response == [1] ? .success(user: "anna") : .challenge([7])
        }
    }

    struct Client: SASLClientExchange {
        mutating func start() async throws -> [UInt8]? { nil }
        mutating func respond(to challenge: [UInt8]) async throws -> [UInt8] { [1] }
    }
}

/// Users who are checked once a test says so.
struct SlowUsers: Authenticator {
    let asked = Step()
    private let signal: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (signal, continuation) = AsyncStream.makeStream() }

    func goOn() { continuation.finish() }

    func verify(_ login: PasswordLogin) async throws -> Bool {
        asked.done()
        for await _ in signal {}
        return login.password == "secret"
    }

    func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential? {
        try SCRAMCredential(password: "secret", hash: hash, iterations: 4_096)
    }
}

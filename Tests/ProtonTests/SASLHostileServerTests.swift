// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// Servers that cheat a client that logs in: what they do, and what the client makes of it.
@Suite(.timeLimit(.minutes(2)))
struct SASLHostileServerTests {
    /// What a client with a password, or with other options, says of a server that a script plays.
    private static func error(
        _ login: String = "anna:secret@", _ options: ConnectionOptions = .once,
        _ script: @escaping @Sendable (ScriptedPeer) throws -> Void
    ) async throws -> ProtonError? {
        await #expect(throws: ProtonError.self) {
            try await withScriptedServer { server in
                let peer = try server.accept()
                try peer.expect(.saslHeader)
                try script(peer)
                _ = try peer.receiveAll()
            } client: { address in
                try Container(Plain { try $0.container.connect("\(login)\(address)") }, options: options).run()
            }
        }
    }

    private static func bytes(_ text: String) -> AMQPValue { .binary(Array(text.utf8)) }

    /// The client's nonce, from its first message of SCRAM.
    private static func nonce(_ initial: Frame) throws -> String {
        guard case .binary(let bytes) = initial["initial-response"] else { throw TestError("no response") }
        return String(decoding: bytes, as: UTF8.self).split(separator: ",r=").last.map(String.init) ?? ""
    }

    /// A server that offers SCRAM-SHA-256, and what it answers to the nonce.
    private static func scram(_ first: @escaping @Sendable (String) -> String)
        -> @Sendable (ScriptedPeer) throws -> Void
    {
        { peer in
            try peer.send(.saslHeader, .saslMechanisms("SCRAM-SHA-256", "PLAIN"))
            let nonce = try Self.nonce(peer.expect(.saslInit, ["mechanism": .symbol("SCRAM-SHA-256")]))
            try peer.send(Frame(.saslChallenge, ["challenge": Self.bytes(first(nonce))]))
        }
    }

    @Test func noMechanismInCommon() async throws {
        for offered: [Symbol] in [[], ["EXTERNAL"], ["ANONYMOUS"], ["GSSAPI", "CRAM-MD5"]] {
            let error = try await Self.error { peer in
                let mechanisms = AMQPValue.array(AMQPArray(offered))
                try peer.send(.saslHeader, Frame(.saslMechanisms, ["sasl-server-mechanisms": mechanisms]))
            }
            #expect(error?.code == .authenticationFailed)
            #expect(error?.message.contains("offers no SASL mechanism that this program may use") == true)
        }
    }

    @Test func aThousandMechanisms() async throws {
        let error = try await Self.error { peer in
            let names = (0..<1_000).map { Symbol("MECHANISM-\($0)") }
            try peer.send(.saslHeader, Frame(.saslMechanisms, ["sasl-server-mechanisms": .array(AMQPArray(names))]))
        }
        #expect(error?.code == .authenticationFailed && (error?.message.count ?? 1_000) < 600)
    }

    @Test func namesThatWriteToTheTerminal() async throws {
        let error = try await Self.error { peer in
            try peer.send(.saslHeader, .saslMechanisms("\u{1b}[2J", "X\u{7}"))
        }
        #expect(error?.message.contains("(no valid name)") == true && error?.message.contains("\u{1b}") == false)
    }

    @Test func aServerWithoutSASLIsNoPlaceToLogInAt() async throws {
        let error = try await Self.error { peer in try peer.send(.amqpHeader, .open()) }
        #expect(error?.code == .protocolMismatch)
    }

    @Test func successWithoutAProof() async throws {
        for data: AMQPValue in [
            .null, Self.bytes(""), Self.bytes("v=AAAA"), Self.bytes("v=" + String(repeating: "A", count: 43) + "="),
        ] {
            let error = try await Self.error { peer in
                try Self.scram { "r=\($0)X,s=AAAA,i=4096" }(peer)
                try peer.expect(.saslResponse)
                try peer.send(Frame(.saslOutcome, ["code": .ubyte(0), "additional-data": data]), .amqpHeader, .open())
            }
            #expect(error?.code == .authenticationFailed)
            #expect(error?.message.contains("has not proved that it knows the password") == true)
        }
    }

    @Test func successAtOnce() async throws {
        // Before a choice, before the server's first message, and while the password is hashed.
        let before = try await Self.error { peer in try peer.send(.saslHeader, .saslOutcome(0), .amqpHeader, .open()) }
        #expect(before?.message.contains("ended a log-in before it was begun") == true)
        let first = try await Self.error { peer in
            try peer.send(.saslHeader, .saslMechanisms("SCRAM-SHA-256"))
            try peer.expect(.saslInit)
            try peer.send(.saslOutcome(0), .amqpHeader, .open())
        }
        #expect(first?.message.contains("without knowing the password") == true)
        let hashing = try await Self.error { peer in
            try Self.scram { "r=\($0)X,s=AAAA,i=1000000" }(peer)
            try peer.send(.saslOutcome(0), .amqpHeader, .open())
        }
        #expect(hashing?.message.contains("before it was made") == true)
    }

    /// First messages of SCRAM, in which `NONCE` stands for the client's.
    @Test(arguments: [
        ("r=NONCEx,s=AAAA,i=1", "hashed 1 times"), ("r=NONCEx,s=AAAA,i=2147483648", "malformed"),
        ("r=NONCEx,s=AAAA,i=2147483647", "hashed 2147483647 times"), ("r=NONCE,s=AAAA,i=4096", "nonce"),
        ("r=other,s=AAAA,i=4096", "nonce"), ("", "malformed"), ("m=x,r=NONCEx,s=AAAA,i=4096", "malformed"),
    ]) func firstMessages(_ message: String, _ reason: String) async throws {
        let error = try await Self.error(script: message)
        #expect(error?.code == .authenticationFailed && error?.message.contains(reason) == true, "\(error as Any)")
    }

    private static func error(script message: String) async throws -> ProtonError? {
        try await error(
            "anna:secret@", .once,
            scram { nonce in
                message.split(separator: "NONCE", omittingEmptySubsequences: false).joined(separator: nonce)
            })
    }

    @Test func challengesWithoutEnd() async throws {
        for mechanism: Symbol in ["PLAIN", "SCRAM-SHA-256", "XOAUTH2"] {
            var options = ConnectionOptions.once
            if mechanism == "XOAUTH2" { options.credentials = .token(token: "t") }
            let error = try await Self.error(mechanism == "XOAUTH2" ? "" : "anna:secret@", options) { peer in
                try peer.send(.saslHeader, .saslMechanisms(mechanism))
                try peer.expect(.saslInit)
                // The client may be gone before the last one.
                try? peer.send((0..<100).map { _ in Frame(.saslChallenge, ["challenge": Self.bytes("")]) })
            }
            #expect(
                error?.code == .authenticationFailed && error?.message.contains("cannot be trusted") == true,
                "\(mechanism): \(error as Any)")
        }
    }

    @Test func aChallengeOfAMegabyte() async throws {
        for size in [20_000, 1_000_000] {
            let error = try await Self.error { peer in
                try peer.send(.saslHeader, .saslMechanisms("SCRAM-SHA-256"))
                try peer.expect(.saslInit)
                let challenge = AMQPValue.binary([UInt8](repeating: 65, count: size))
                try? peer.send(Frame(.saslChallenge, ["challenge": challenge]))
            }
            #expect(error != nil && error?.code != .connectFailed)
        }
    }

    @Test func mechanismsTwice() async throws {
        let error = try await Self.error { peer in
            try peer.send(.saslHeader, .saslMechanisms("SCRAM-SHA-256"), .saslMechanisms("PLAIN"))
        }
        #expect(error?.code == .authenticationFailed && error?.message.contains("twice") == true)
    }

    @Test(
        arguments: [
            (1, .authenticationFailed), (2, .authenticationFailed), (3, .authenticationFailed),
            (4, .authenticationUnavailable), (77, .authenticationFailed),
        ] as [(UInt8, ProtonError.Code)])
    func outcomes(_ code: UInt8, _ expected: ProtonError.Code) async throws {
        let error = try await Self.error { peer in
            try peer.send(.saslHeader, .saslMechanisms("PLAIN"))
            try peer.expect(
                .saslInit, ["mechanism": .symbol("PLAIN"), "initial-response": Self.bytes("\0anna\0secret")])
            try peer.send(.saslOutcome(code))
        }
        #expect(error?.code == expected && error?.condition?.name == .unauthorizedAccess)
    }

    @Test func aTemporaryFailureIsTriedAgain() async throws {
        try await withScriptedServer { server in
            for code: UInt8 in [4, 4, 0] {
                let peer = try server.accept()
                try peer.expect(.saslHeader)
                try peer.send(.saslHeader, .saslMechanisms("XOAUTH2"))
                try peer.expect(.saslInit)
                try peer.send(.saslOutcome(code))
                guard code == 0 else {
                    try peer.expectEnd()
                    continue
                }
                try peer.expect(.amqpHeader)
                try peer.send(.amqpHeader, .open())
                try peer.expect(.open)
                try peer.expect(.close)
                try peer.send(.close())
            }
        } client: { address in
            let asked = SharedLog()
            let client = Scripted("client")
            defer { client.forget() }
            var options = ConnectionOptions.quick
            options.credentials = .provider { attempt in
                asked.note("\(attempt)")
                return .token(user: "u", token: "token-\(attempt)")
            }
            client.on("onStart") { (event: ContainerEvent) in
                try event.container.connect(address, options: options)
            }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in event.connection.close() }
            try Container(client).run()
            #expect(asked.lines == ["0", "1", "2"])
        }
    }

    @Test func aProviderThatHangsIsBounded() async throws {
        var options = ConnectionOptions.once
        options.limits.handshakeTimeout = .seconds(2)
        options.credentials = .provider { _ in
            try await Task.sleep(for: .seconds(600))
            return .anonymous
        }
        let error = try await Self.error("", options) { peer in
            try peer.send(.saslHeader, .saslMechanisms("ANONYMOUS"))
        }
        #expect(error?.code == .timedOut)
    }
}

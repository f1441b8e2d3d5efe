// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// Clients that break SASL's rules, byte by byte, at a listener that wants log-ins.
@Suite(.timeLimit(.minutes(2)))
struct SASLHostileClientTests {
    private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    private static let plain = Frame.saslInit("PLAIN", response: bytes("\0anna\0secret"))

    /// What a listener answers to frames behind the SASL header, until the connection ends; then a good client comes in.
    private static func answers(
        _ authentication: Authentication, _ script: @escaping @Sendable (ScriptedPeer) throws -> Void
    ) async throws -> [Frame] {
        let kept = SharedFrames()
        try await LoginServer.run(authentication) { server in
            let peer = try ScriptedPeer(connectingTo: server.port)
            try peer.send(.saslHeader)
            try peer.expect(.saslHeader)
            try peer.expect(.saslMechanisms)
            // What the listener does not read any more cannot be sent.
            do { try script(peer) } catch is ScriptFailure {}
            kept.set(try peer.receiveAll())
            #expect(server.login("anna:secret@") == nil)
            #expect(server.opened.lines.count == 1)
        }
        return kept.frames
    }

    private static func outcome(_ frames: [Frame]) -> AMQPValue? { frames.first { $0.kind == .saslOutcome }?["code"] }

    @Test func theOffer() async throws {
        try await LoginServer.run(.required(TestUsers())) { server in
            let peer = try ScriptedPeer(connectingTo: server.port)
            try peer.send(.saslHeader)
            try peer.expect(.saslHeader)
            let names: [Symbol] = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]
            try peer.expect(.saslMechanisms, ["sasl-server-mechanisms": .array(AMQPArray(names))])
        }
    }

    /// Each ends with the outcome auth, and the authenticator hears of it.
    @Test(
        arguments: [
            // A mechanism that is not offered, or not at all.
            ([.saslInit("ANONYMOUS", response: [])], "notOffered none ANONYMOUS"),
            ([.saslInit("EXTERNAL", response: [])], "notOffered none EXTERNAL"),
            ([.saslInit("GSSAPI", response: [])], "notOffered none GSSAPI"),
            ([.saslInit("\u{1b}[2J", response: [])], "notOffered none (no valid name)"),
            ([.saslInit("", response: [])], "notOffered none (no valid name)"),
            // A response before a choice, and two choices.
            ([Frame(.saslResponse, ["response": .binary([])])], "malformed none (no valid name)"),
            // PLAIN that is none.
            ([.saslInit("PLAIN", response: [])], "malformed none PLAIN"),
            ([.saslInit("PLAIN", response: bytes("anna"))], "malformed none PLAIN"),
            ([.saslInit("PLAIN", response: bytes("\0anna\0secret\0"))], "malformed none PLAIN"),
            ([.saslInit("PLAIN", response: bytes("\0\0secret"))], "malformed none PLAIN"),
            ([.saslInit("PLAIN", response: bytes("\0anna\0"))], "malformed none PLAIN"),
            ([.saslInit("PLAIN", response: bytes("\0bob\0secret"))], "wrongCredentials bob PLAIN"),
            ([.saslInit("PLAIN", response: bytes("anna\0bob\0b,=\u{e9}"))], "notPermitted bob PLAIN"),
            ([.saslInit("PLAIN", response: [UInt8](repeating: 65, count: 20_000))], "malformed none PLAIN"),
            // SCRAM that is none.
            ([.saslInit("SCRAM-SHA-256", response: bytes("n,,n=anna"))], "malformed none SCRAM-SHA-256"),
            ([.saslInit("SCRAM-SHA-256", response: bytes("p=tls-unique,,n=anna,r=x"))], "malformed none SCRAM-SHA-256"),
        ] as [([Frame], String)]) func refusals(_ frames: [Frame], _ attempt: String) async throws
    {
        let users = TestUsers()
        let answers = try await Self.answers(.required(users)) { try $0.send(frames) }
        #expect(Self.outcome(answers) == .ubyte(1), "\(answers)")
        #expect(users.attempts.lines.first == attempt)
    }

    @Test func twoChoices() async throws {
        for second in [Self.plain, .saslInit("SCRAM-SHA-1", response: Self.bytes("n,,n=anna,r=x")), .saslInit("X")] {
            let users = TestUsers()
            let answers = try await Self.answers(.required(users)) { try $0.send(Self.plain, second) }
            #expect(Self.outcome(answers) == .ubyte(1), "\(answers)")
            #expect(users.attempts.lines.contains("malformed none PLAIN"))
        }
    }

    @Test func aResponseWhileThePasswordIsChecked() async throws {
        let answers = try await Self.answers(.required(TestUsers())) {
            try $0.send(Self.plain, Frame(.saslResponse, ["response": .binary([1])]))
        }
        #expect(Self.outcome(answers) == .ubyte(1))
    }

    @Test func choicesWithoutEnd() async throws {
        let answers = try await Self.answers(.required(TestUsers())) {
            for _ in 0..<100 { try $0.send([Frame](repeating: .saslInit("SCRAM-SHA-256"), count: 100)) }
        }
        #expect(Self.outcome(answers) == .ubyte(1))
    }

    @Test func responsesWithoutEnd() async throws {
        let answers = try await Self.answers(.required(mechanisms: [Endless()])) { peer in
            try peer.send(.saslInit("X-ENDLESS"))
            for _ in 0..<20 {
                try peer.expect(.saslChallenge)
                try peer.send(Frame(.saslResponse, ["response": .binary([])]))
            }
        } goodLogin: {
            $0.clientMechanisms = [Endless()]
        }
        #expect(Self.outcome(answers) == .ubyte(1))
    }

    @Test func aFrameOfAMegabyte() async throws {
        let answers = try await Self.answers(.required(TestUsers())) {
            try $0.send(.saslInit("PLAIN", response: [UInt8](repeating: 0, count: 1_000_000)))
        }
        #expect(!answers.contains { $0.kind == .saslOutcome && $0["code"] == .ubyte(0) })
    }

    @Test func framesThatOnlyServersSend() async throws {
        for frame in [
            Frame.saslMechanisms("PLAIN"), .saslOutcome(0), Frame(.saslChallenge, ["challenge": .binary([])]),
        ] {
            let answers = try await Self.answers(.required(TestUsers())) { try $0.send(frame) }
            #expect(!answers.contains { $0.kind == .saslOutcome && $0["code"] == .ubyte(0) })
        }
    }

    @Test func anOpenBeforeTheLogInIsNone() async throws {
        for frames: [Frame] in [[.open()], [.saslInit("PLAIN"), .open()], [.amqpHeader, .open()]] {
            let answers = try await Self.answers(.required(TestUsers())) { try $0.send(frames) }
            #expect(!answers.contains { $0.kind == .open })
        }
    }

    /// Lists that are shorter than the count that they begin with, as open, sasl-init and a descriptor that there is not: proton's
    /// log of frames reads on from there until the process ends.
    @Test func framesThatAreReadBeyondTheirEnds() async throws {
        for (type, descriptor) in [(0, 0x10), (0, 0xff), (0, 0), (1, 0x41), (1, 0xff)] as [(UInt8, UInt8)] {
            let answers = try await Self.answers(.required(TestUsers())) {
                try $0.send(bytes: [0, 0, 0, 17, 2, type, 0, 0, 0, 0x53, descriptor, 0xd0, 0, 0, 0, 1, 0])
            }
            #expect(answers.isEmpty, "\(type), \(descriptor)")
        }
    }

    @Test func whoSkipsSASLIsRefused() async throws {
        try await LoginServer.run(.required(TestUsers())) { server in
            let peer = try ScriptedPeer(connectingTo: server.port)
            try peer.send(.amqpHeader, .open())
            let answers = try peer.receiveAll()
            #expect(!answers.contains { $0.kind == .begin } && answers.count <= 3, "\(answers)")
            #expect(server.opened.lines.isEmpty)
        }
    }

    @Test func anEmptyChallengeAsksForTheFirstResponse() async throws {
        try await LoginServer.run(.required(TestUsers())) { server in
            let peer = try ScriptedPeer(connectingTo: server.port)
            try peer.send(.saslHeader, .saslInit("PLAIN"))
            try peer.expect(.saslHeader)
            try peer.expect(.saslMechanisms)
            try peer.expect(.saslChallenge, ["challenge": .binary([])])
            try peer.send(Frame(.saslResponse, ["response": .binary(Self.bytes("\0anna\0secret"))]))
            try peer.expect(.saslOutcome, ["code": .ubyte(0)])
            try peer.send(.amqpHeader, .open())
            try peer.expect(.amqpHeader)
            try peer.expect(.open)
            try peer.send(.close())
            try peer.expect(.close)
            #expect(server.opened.lines == ["anna PLAIN anna"])
        }
    }

    /// The client goes while its password is being checked.
    @Test func whoGoesIsForgotten() async throws {
        let slow = SlowUsers()
        try await LoginServer.run(.required(slow)) { server in
            let peer = try ScriptedPeer(connectingTo: server.port)
            try peer.send(.saslHeader, Self.plain)
            try slow.asked.wait()
            peer.close()
            slow.goOn()
            #expect(server.login("anna:secret@") == nil)
        }
    }
}

extension SASLHostileClientTests {
    /// The same as `answers`, where the good client logs in by other means.
    private static func answers(
        _ authentication: Authentication, _ script: @escaping @Sendable (ScriptedPeer) throws -> Void,
        goodLogin: @escaping @Sendable (inout ConnectionOptions) -> Void
    ) async throws -> [Frame] {
        let kept = SharedFrames()
        try await LoginServer.run(authentication) { server in
            let peer = try ScriptedPeer(connectingTo: server.port)
            try peer.send(.saslHeader)
            try peer.expect(.saslHeader)
            try peer.expect(.saslMechanisms)
            do { try script(peer) } catch is ScriptFailure {}
            kept.set(peer.received + (try peer.receiveAll()))
            #expect(server.login("anna:secret@", goodLogin) == nil)
        }
        return kept.frames
    }
}

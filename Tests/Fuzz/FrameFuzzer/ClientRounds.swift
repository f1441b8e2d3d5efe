// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting

/// Rounds of random frames from a server to client programs over sockets.
///
/// A client may end with an error, or try again, which is the next round: a signal must not end it, and its memory has to
/// stay what it is.
struct ClientRounds {
    private var client: Program?
    private let server: ScriptedServer
    private var memory = 0
    private static let growth = 128 * 1_024 * 1_024

    init() throws {
        server = try ScriptedServer(limit: .milliseconds(10))
    }

    mutating func run(_ seed: UInt64) throws {
        var random = Random(seed: seed)
        if client == nil {
            let address = "\(server.address)/fuzz"
            client =
                random.chance(50)
                ? try Program("simple_recv", ["-a", address, "-m", "1000000"])
                : try Program("simple_send", ["-a", address, "-m", "1000000"])
            memory = 0
        }
        guard let peer = try accept() else { return try check() }
        defer { peer.close() }
        var frames = RandomFrames(random, isServer: true)
        try? speak(peer, &frames, &random)
        try check()
    }

    /// Waits for the client's next connection; nil where it has ended.
    private func accept() throws -> ScriptedPeer? {
        let start = ContinuousClock.now
        while client?.ending == nil {
            if let peer = try? server.accept() { return peer }
            if ContinuousClock.now - start > .seconds(30) {
                throw Finding("the client neither ends nor connects again")
            }
        }
        return nil
    }

    private func speak(_ peer: ScriptedPeer, _ frames: inout RandomFrames, _ random: inout Random) throws {
        var buffer: ArraySlice<UInt8> = []
        var answers: [UInt8] = []
        func read() throws {
            guard let bytes = try? peer.receiveBytes() else { return }
            if bytes.isEmpty { throw Finding("closed") }
            buffer += bytes
            while let frame = try? Frame.take(from: &buffer) {
                switch frame.kind {
                case .saslHeader:
                    answers += try [Frame.saslHeader, .saslMechanisms("ANONYMOUS")].flatMap { try $0.encoded() }
                case .saslInit: answers += try Frame.saslOutcome(0).encoded()
                case .amqpHeader: answers += try Frame.amqpHeader.encoded()
                default: answers += frames.answer(frame).flatMap { $0 }
                }
            }
        }
        // The handshake goes as it should in most rounds; after it the server says what it likes.
        for step in 0..<(8 + random.below(25)) {
            try read()
            var bytes = answers
            answers = []
            if step > 4 || random.chance(3) { for _ in 0...random.below(8) { bytes += frames.next() } }
            Trace.show(bytes)
            try peer.send(bytes: bytes)
        }
    }

    private mutating func check() throws {
        switch client?.ending {
        case .killed(let signal):
            throw Finding("the client was killed by signal \(signal): \(client?.output.suffix(1_000) ?? "")")
        case .exited: client = nil
        case nil:
            let now = client?.memory ?? 0
            if memory == 0 { memory = now }
            if now > memory + Self.growth {
                throw Finding("the client's memory has grown from \(memory >> 20) MiB to \(now >> 20) MiB")
            }
        }
    }

    var summary: String { "the last client took \((client?.memory ?? 0) >> 20) MiB" }

    func end() { client?.end() }
}

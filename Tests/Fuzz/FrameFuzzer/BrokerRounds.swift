// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting

/// Rounds of random frames against the broker program over sockets.
///
/// After each the program has to live and serve the next client within a second; its memory has to stay what it is.
struct BrokerRounds {
    private let broker: Program
    private let port: Int
    /// What the broker took after the first rounds.
    private var memory: Int?
    private var count = 0
    private let slowest = Duration.seconds(1)
    /// What the broker may take more: the queue of random messages, and what malloc keeps.
    private static let growth = 192 * 1_024 * 1_024

    init() throws {
        let held = try ScriptedServer()
        port = held.port
        held.close()
        broker = try Program(
            "broker", ["-a", "127.0.0.1:\(port)", "--queue-messages", "1000", "--queue-bytes", "10MiB"])
        try serve(within: .seconds(20))
    }

    mutating func run(_ seed: UInt64) throws {
        var random = Random(seed: seed)
        guard let peer = try? ScriptedPeer(connectingTo: port, limit: .milliseconds(5)) else {
            throw Finding("the broker takes no connection: \(state)")
        }
        var frames = RandomFrames(random, isServer: false)
        try? speak(peer, &frames, &random)
        peer.close()
        try serve(within: slowest)
        try checkMemory()
    }

    private func speak(_ peer: ScriptedPeer, _ frames: inout RandomFrames, _ random: inout Random) throws {
        var buffer: ArraySlice<UInt8> = []
        var answers: [UInt8] = []
        func read() throws {
            guard let bytes = try? peer.receiveBytes() else { return }
            if bytes.isEmpty { throw Finding("closed") }
            buffer += bytes
            while let frame = try? Frame.take(from: &buffer) { answers += frames.answer(frame).flatMap { $0 } }
        }
        if random.chance(90) {
            try peer.send(.saslHeader, .saslInit("ANONYMOUS", response: Array("fuzz".utf8)))
            if random.chance(85) { try read() }
        }
        try peer.send(bytes: [UInt8](try Frame.amqpHeader.encoded()) + frames.open())
        for _ in 0..<(3 + random.below(25)) {
            var bytes = answers
            answers = []
            for _ in 0...random.below(12) { bytes += frames.next() }
            Trace.show(bytes)
            try peer.send(bytes: bytes)
            if random.chance(60) { try read() }
        }
    }

    /// Sends a message through the broker and takes it out again, as a client would.
    private func serve(within limit: Duration) throws {
        let start = ContinuousClock.now
        var failure: any Error = Finding("not tried")
        repeat {
            do { return try exchange(limit) } catch { failure = error }
        } while ContinuousClock.now - start < limit && broker.ending == nil
        throw Finding("the next client is not served within \(limit): \(failure); \(state)")
    }

    private func exchange(_ limit: Duration) throws {
        let peer = try ScriptedPeer(connectingTo: port, limit: limit)
        try peer.handshake()
        try peer.send(.begin(), .attach(sendingTo: "honest", name: "honest"))
        try peer.expect(.begin)
        try peer.expect(.attach)
        try peer.expect(.flow)
        try peer.send(.transfer(0, Message(body: "honest")))
        try peer.expect(.disposition, ["role": true, "first": 0], skipping: .flow)
        try peer.send(.attach(receivingFrom: "honest", name: "honest", handle: 1), .flow(credit: 1, handle: 1))
        try peer.expect(.attach, skipping: .flow)
        let transfer = try peer.expect(.transfer, skipping: .flow)
        try peer.send(.disposition(.accepted, transfer["delivery-id"].integer(as: UInt32.self) ?? 0))
        try peer.send(.close())
        try peer.expect(.close, skipping: .flow, .disposition)
    }

    private mutating func checkMemory() throws {
        count += 1
        guard count >= 100 else { return }
        let now = broker.memory
        let before = memory ?? now
        memory = before
        if now > before + Self.growth {
            throw Finding("the broker's memory has grown from \(before >> 20) MiB to \(now >> 20) MiB; \(state)")
        }
    }

    /// The memory of the broker, for the summary.
    var summary: String { "\(broker.memory >> 20) MiB after \((memory ?? broker.memory) >> 20) MiB" }

    private var state: String {
        switch broker.ending {
        case .exited(let status): "it has exited with \(status): \(broker.output.suffix(1_000))"
        case .killed(let signal): "it was killed by signal \(signal): \(broker.output.suffix(1_000))"
        case nil: "it lives"
        }
    }

    func end() { broker.end() }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Foundation
import ProtonTesting
import Testing

/// The broker program under attack: it lives, serves the next client at once, and takes no more memory than it may.
///
/// It prints what happened as a Markdown table.
@Suite(.serialized)
struct ThreatTests {
    /// Within how long the next client has to be served.
    private static let service = Duration.seconds(1)
    /// How much memory one attack may leave with the broker, in bytes.
    private static let memory = 64 << 20

    @Test(.timeLimit(.minutes(5))) func threatsToTheBroker() async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker("--queue-messages", "1000", "--queue-bytes", "8MiB")
            let port = try #require(Int(address.split(separator: ":").last ?? ""))
            // What the broker needs for its first clients is not an attack's.
            for _ in 0..<3 { _ = try await Self.serve(port) }
            print("| what | sent | what happened | memory | next client |\n| --- | --- | --- | --- | --- |")
            for threat in Threat.all {
                let before = broker.residentMemory
                let outcome = try await onThread { try threat.play(port) }
                let served = try? await Self.serve(port)
                let record = broker.record
                #expect(
                    record.ending == nil,
                    "\(threat.name): \(record.ending.map { "\($0)" } ?? "") \(record.errorText.suffix(500))")
                if record.ending != nil { return }
                let taken = broker.residentMemory - before
                let time = served.map { "\(($0 / .milliseconds(1)).rounded()) ms" } ?? "not served"
                print("| \(threat.name) | \(threat.sent) | \(outcome.text) | +\(max(0, taken) >> 20) MiB | \(time) |")
                let complaint = threat.complaint(outcome)
                #expect(complaint == nil, "\(threat.name): \(complaint ?? ""); \(outcome.text)")
                #expect(served.map { $0 < Self.service } == true, "\(threat.name): next client: \(time)")
                #expect(taken <= Self.memory, "\(threat.name): \(taken >> 20) MiB")
            }
        }
    }

    /// Sends a message through the broker and takes it out, as an honest client does.
    /// - Returns: how long that took.
    private static func serve(_ port: Int) async throws -> Duration {
        try await onThread {
            let start = ContinuousClock.now
            let peer = try ScriptedPeer(connectingTo: port, limit: .seconds(5))
            defer { peer.close() }
            try peer.handshake()
            try peer.send(.begin(), .attach(sendingTo: "honest", name: "honest"))
            try peer.expect(.begin)
            try peer.expect(.attach)
            try peer.expect(.flow)
            try peer.send(.transfer(0, Message(body: "honest")))
            try peer.expect(.disposition, ["role": true, "first": 0], skipping: .flow)
            try peer.send(.attach(receivingFrom: "honest", name: "honest", handle: 1), .flow(credit: 1, handle: 1))
            try peer.expect(.attach, skipping: .flow)
            try peer.expect(.transfer, skipping: .flow)
            try peer.send(.disposition(.accepted, 0), .close())
            try peer.expect(.close, skipping: .flow, .disposition)
            return .now - start
        }
    }
}

extension ChildProcess {
    /// The memory that the program has in use, in bytes.
    var residentMemory: Int {
        let text = try? String(contentsOfFile: "/proc/\(pid)/statm", encoding: .utf8)
        let pages = text?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(getpagesize())
    }
}

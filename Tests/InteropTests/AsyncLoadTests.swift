// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Proton
import Testing

extension InteropTests {
    /// What the async client does under load. INTEROP_HEAVY has it done at length: twenty kills, a million messages.
    @Suite(.serialized)
    struct AsyncLoadTests {
        static let peers = [Peer.rabbitMQ4, .swift].filter(Peer.running.contains)
        private static let rows = [
            "killed again and again under load: what was accepted comes, and each operation ends",
            "a consumer sleeps while many messages wait: it has no more than its window",
        ]
        static let table = Table("The async client under load", columns: peers.map(\.rawValue), rows: rows)
        private static let isHeavy = ProcessInfo.processInfo.environment["INTEROP_HEAVY"] != nil

        @Test(.timeLimit(.minutes(15)), arguments: peers)
        func killed(_ peer: Peer) async throws {
            try await record(0, peer) {
                let load = AsyncLoad(peer, try await peer.queue())
                let told = try await bounded(.seconds(Self.isHeavy ? 800 : 150), orElse: load.description) {
                    try await load.run(kills: Self.isHeavy ? 20 : 2)
                    return load.description
                }
                print("\(peer.rawValue): \(told)")
            }
        }

        @Test(.timeLimit(.minutes(15)), arguments: peers)
        func aSleepingConsumer(_ peer: Peer) async throws {
            try await record(1, peer) {
                let queue = try await peer.queue(.classic)
                try await peer.client().withConnection { connection in
                    try await Self.sleep(connection, queue, Self.isHeavy ? 1_000_000 : 20_000, on: peer)
                }
            }
        }

        private func record(_ row: Int, _ peer: Peer, _ body: () async throws -> Void) async throws {
            do {
                try await onThread { Result { try peer.waitUntilUp() } }.get()
                try await body()
                try Self.table.record(Self.rows[row], peer.rawValue, .yes(""))
            } catch {
                try Self.table.record(Self.rows[row], peer.rawValue, .no(peer.anonymous("\(error)")))
                Issue.record("\(Self.rows[row]), \(peer.rawValue): \(error)")
            }
        }

        /// Fills a queue with messages of 1 KiB, and takes one of them: then no more than the window may come.
        private static func sleep(
            _ connection: AMQPConnection, _ queue: String, _ count: Int, on peer: Peer
        ) async throws {
            let body = [UInt8](repeating: 7, count: 1_024)
            try await connection.withSender(to: queue) { sender in
                for _ in 0..<(count / 1_000) {
                    let messages = (0..<1_000).map { _ in Message(body: .data(body)) }
                    for receipt in try await sender.submit(contentsOf: messages) { _ = try await receipt.outcome }
                }
            }
            let window = 500
            let before = memory("VmRSS")
            try await connection.withReceiver(from: queue, window: window) { receiver in
                let first = try await receiver.take()
                // The consumer sleeps: no message is settled meanwhile.
                try await _Concurrency.Task.sleep(for: .seconds(2))
                try require(
                    receiver.waitingCount < window, "\(receiver.waitingCount) messages wait, the window is \(window)")
                let after = memory("VmRSS")
                print(
                    "\(peer.rawValue): \(count) messages of 1 KiB wait at the peer, \(receiver.waitingCount) here; "
                        + "the process has grown from \(before) kB to \(after) kB")
                // The window's messages are 0.5 MB; the rest is the allocator's, and other threads'.
                try require(after - before < 16_384, "the process has grown by \(after - before) kB")
                first.accept()
            }
        }

        /// What the system says of this process's memory, in kilobytes.
        private static func memory(_ name: String) -> Int {
            let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
            return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
        }
    }
}

/// Tasks that send and receive over connections that are made again, while the broker is killed.
private final class AsyncLoad: Sendable, CustomStringConvertible {
    private struct State {
        var accepted: Set<Int> = []
        var received: Set<Int> = []
        /// How many receptions there were, of all messages.
        var receptions = 0
        var inDoubt = 0
        var interruptions = 0
        var isEnough = false
    }

    private let state = Shared(State())
    private let (peer, queue): (Peer, String)
    /// Says that something has come.
    private let (progress, told) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(_ peer: Peer, _ queue: String) {
        (self.peer, self.queue) = (peer, queue)
    }

    var description: String {
        state.withLock { state in
            "\(state.interruptions) interruptions, \(state.accepted.count) messages accepted, \(state.inDoubt) in doubt, "
                + "\(state.received.count) received in \(state.receptions) deliveries, "
                + "\(state.accepted.subtracting(state.received).count) missing"
        }
    }

    /// Runs the load, and kills the broker so many times.
    func run(kills: Int) async throws {
        try await peer.client(ConnectionOptions()).withConnection { sending in
            try await peer.client(ConnectionOptions()).withConnection { receiving in
                let receiver = receiving.receiver(from: queue, window: 20)
                let receivers = (0..<2).map { _ in Task { try await receive(receiver) } }
                let sender = sending.sender(to: queue)
                let senders = (0..<8).map { number in Task { try await send(number * 10_000_000, by: sender) } }
                let events = Task { [state, told] in
                    for await event in receiving.events {
                        if case .interrupted = event { state.withLock { $0.interruptions += 1 } }
                        told.yield()
                    }
                }
                defer { for task in receivers + senders { task.cancel() } }
                for kill in 0..<kills {
                    let before = state.withLock(\.receptions)
                    // A quorum queue of RabbitMQ 4.0 that is not a second old is not there after a kill.
                    let isOld = ContinuousClock.now + .seconds(kill == 0 ? 2 : 0)
                    await wait { $0.receptions >= before + 300 && ContinuousClock.now > isOld }
                    try await onThread { [peer] in Result { try peer.end(SIGKILL) } }.get()
                    await wait { $0.interruptions > kill }
                }
                let before = state.withLock(\.receptions)
                await wait { $0.receptions >= before + 300 }
                state.withLock { $0.isEnough = true }
                // Each operation ends.
                for sender in senders { try await sender.value }
                await wait { $0.accepted.isSubset(of: $0.received) }
                for receiver in receivers {
                    receiver.cancel()
                    try await receiver.value
                }
                events.cancel()
            }
        }
    }

    private func wait(until condition: (State) -> Bool) async {
        if state.withLock({ condition($0) }) { return }
        for await _ in progress where state.withLock({ condition($0) }) { return }
    }

    private func send(_ first: Int, by sender: AMQPSender) async throws {
        var number = first
        while !state.withLock(\.isEnough) {
            do {
                try await sender.send(Message(body: .value(AMQPValue(number)), isDurable: true))
                state.withLock { _ = $0.accepted.insert(number) }
            } catch AMQPSendError.inDoubt {
                state.withLock { $0.inDoubt += 1 }
            } catch AMQPSendError.refused(.released) {
                // RabbitMQ 4 has no leader for the queue yet.
            }
            number += 1
        }
    }

    private func receive(_ receiver: AMQPReceiver) async throws {
        while let delivery = try await receiver.next() {
            state.withLock { state in
                state.received.insert(delivery.number)
                state.receptions += 1
            }
            delivery.accept()
            told.yield()
        }
    }
}

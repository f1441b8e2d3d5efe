// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton
import Synchronization
import Testing

/// Something that the async client does with each peer: a row of the table.
struct AsyncFeature: Sendable, CustomTestStringConvertible {
    /// The row's name.
    let name: String
    /// The peers that must have it; with others either is fine, and the table says what is so.
    let needed: Set<Peer>
    /// Tries it; returns what is to be said about it, mostly nothing. Throws what the peer answered where it does not have
    /// the feature.
    let check: @Sendable (Peer) async throws -> String

    init(_ name: String, needed: Set<Peer>, _ check: @escaping @Sendable (Peer) async throws -> String) {
        (self.name, self.needed, self.check) = (name, needed, check)
    }

    /// A feature that is tried on one connection, with a queue that no other test uses.
    init(
        _ name: String, needed: Set<Peer>,
        on body: @escaping @Sendable (Peer, AMQPConnection, _ queue: String) async throws -> Void
    ) {
        self.init(name, needed: needed) { peer in
            let queue = try await peer.queue()
            try await peer.client().withConnection { try await body(peer, $0, queue) }
            return ""
        }
    }

    var testDescription: String { name }

    /// The rows, in the table's order.
    static let all: [AsyncFeature] =
        sends + receives + outcomes + asyncLinks + subscriptions + requests + asyncTransactions + losses
}

extension InteropTests {
    /// Every feature of the async client on every broker.
    @Suite(.serialized)
    struct AsyncClientTests {
        static let table = Table(
            "The async client with brokers", columns: Peer.running.map(\.rawValue), rows: AsyncFeature.all.map(\.name))

        @Test(.timeLimit(.minutes(20)))
        func features() async throws {
            try await Peer.tryAll(AsyncFeature.all) { feature, peer in
                let answer = await feature.answer(of: peer)
                try AsyncClientTests.table.record(feature.name, peer.rawValue, answer)
                guard case .no(let reason) = answer else { return }
                #expect(!feature.needed.contains(peer), "\(feature.name): \(peer.rawValue) must have it: \(reason)")
            }
        }
    }
}

extension AsyncFeature {
    /// Whether the peer has it: none may wait for longer than a minute and a half.
    fileprivate func answer(of peer: Peer) async -> Answer {
        do {
            try await onThread { Result { try peer.waitUntilUp() } }.get()
            let note = try await bounded(.seconds(90), orElse: "nothing more comes of it") { try await check(peer) }
            return .yes(peer.anonymous(note))
        } catch is NotApplicable {
            return .notApplicable
        } catch {
            return .no(peer.anonymous("\(error)"))
        }
    }
}

/// Runs a body, and cancels it where it takes too long.
/// - Throws: what the body throws; `Lacking` where it was cancelled.
@discardableResult
func bounded<Value: Sendable>(
    _ limit: Duration = .seconds(30), orElse missing: @autoclosure @escaping @Sendable () -> String,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() ?? nil else { throw Lacking(missing()) }
        return value
    }
}

/// A value that several tasks change.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) {
        self.value = Mutex(value)
    }

    func withLock<Result: Sendable>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        try value.withLock { try body(&$0) }
    }
}

extension Peer {
    /// A client that does not connect again, unless it is told to.
    func client(_ options: ConnectionOptions = ConnectionOptions(reconnect: nil)) throws -> AMQPClient {
        try AMQPClient("amqp://\(address)", options: options, timeout: .seconds(60))
    }

    /// The address of a queue that no other test uses; see `newQueue`.
    func queue(_ type: RabbitMQQueue.QueueType = .quorum) async throws -> String {
        try await onThread { Result { try newQueue(type) } }.get()
    }
}

extension AMQPConnection {
    /// Sends the numbers from 0, in one go, and waits until all are accepted.
    func fill(_ queue: String, _ count: Int) async throws {
        try await withSender(to: queue) { sender in
            for receipt in try await sender.submit(contentsOf: (0..<count).map { Message(body: $0) }) {
                let outcome = try await receipt.outcome
                try require(outcome == .accepted, "the outcome of a message is \(outcome)")
            }
        }
    }

    /// Takes what is at a queue, by a receiver of its own, until nothing has come for a second.
    func takeRest(_ queue: String) async throws -> [Int] {
        try await withReceiver(from: queue) { receiver in
            var numbers: [Int] = []
            while let delivery = try await receiver.next(within: .seconds(1)) {
                numbers.append(delivery.number)
                delivery.accept()
            }
            return numbers
        }
    }
}

extension AMQPReceiver {
    /// The next message, where one must come.
    func take() async throws -> AMQPDelivery {
        guard let delivery = try await next(within: .seconds(10)) else { throw Lacking("no message comes") }
        return delivery
    }

    /// Takes so many messages, and accepts them.
    func takeNumbers(_ count: Int) async throws -> [Int] {
        var numbers: [Int] = []
        while numbers.count < count {
            let delivery = try await take()
            numbers.append(delivery.number)
            delivery.accept()
        }
        return numbers
    }
}

extension AMQPDelivery {
    /// The number that is the message's body; -1 where it is none.
    var number: Int { message.body.value.intValue ?? -1 }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// Queues that nobody needs any more are forgotten, by the broker and its store.
struct QueueForgettingTests {
    private func message(_ text: String, timeToLive: Duration? = nil) -> Message {
        Message(body: text, isDurable: true, timeToLive: timeToLive)
    }

    private func stored(_ text: String, queue: UInt64) throws -> StoredItem {
        let bytes = try message(text).encoded()
        return .message(StoredMessage(queue: queue, place: 7, arrival: Timestamp(milliseconds: 0), bytes: bytes))
    }

    private func start(_ store: MemoryStore, clock: TestClock? = nil) throws -> Broker {
        var options = BrokerOptions()
        options.store = store
        return try Broker.start(options: options, clock: clock)
    }

    @Test func aQueueGoesWithItsLastMessageThatExpires() async throws {
        let (store, clock) = (MemoryStore(), TestClock())
        let broker = try start(store, clock: clock)
        defer { broker.stop() }
        try broker.send([message("a", timeToLive: .seconds(60))], to: "q")
        try broker.send([message("b", timeToLive: .seconds(60)), message("c")], to: "kept")
        try await broker.wait { $0.connections.isEmpty }
        clock.advance(by: .seconds(61))
        try await broker.wait { $0.queues.map(\.address) == ["kept"] }
        #expect(store.contents.count == 2)
        #expect(try broker.takeAll(from: "kept") == ["c"])
    }

    @Test func emptyQueuesThatACrashHasLeftGo() throws {
        let queues = [(1, "empty"), (2, "q"), (3, "q")].map { StoredItem.queue(StoredQueue(id: $0, address: $1)) }
        let store = try MemoryStore(queues + [stored("a", queue: 3)])
        let broker = try start(store)
        defer { broker.stop() }
        #expect(broker.status.queues.map(\.address) == ["q"])
        #expect(try store.contents == [queues[2], stored("a", queue: 3)])
    }
}

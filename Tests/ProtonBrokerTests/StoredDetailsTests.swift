// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What a store is told of messages that come back to their queue, and what a broker makes of that.
struct StoredDetailsTests {
    private func start(_ store: MemoryStore) throws -> Broker {
        var options = BrokerOptions()
        options.store = store
        return try Broker.start(options: options)
    }

    private func message(_ text: String, isDurable: Bool = true, timeToLive: Duration? = nil) -> Message {
        Message(body: text, isDurable: isDurable, timeToLive: timeToLive)
    }

    /// The messages of a queue as a broker sends them that starts with what a store holds.
    private func restarted(_ store: MemoryStore, _ count: Int) throws -> [Message] {
        let broker = try start(MemoryStore(store.contents))
        defer { broker.stop() }
        return try broker.receive(count, from: "q")
    }

    /// Receives one message, and settles it so.
    private func settle(_ broker: Broker, _ outcome: Outcome) throws {
        let script = Script(broker)
        script.message = { event in
            event.delivery.settle(.outcome(outcome))
            script.finish()
        }
        try script.run { try $0.createReceiver($1, "q").flow(1) }
    }

    @Test(
        arguments: [
            ([.released], 0, nil), ([.modified(deliveryFailed: true)], 1, nil),
            ([.modified(deliveryFailed: false)], 0, nil),
            ([.modified(deliveryFailed: true), .released, .modified(deliveryFailed: true)], 2, nil),
            ([.modified(deliveryFailed: false, annotations: ["x-why": "full"])], 0, "full"),
            (
                [
                    .modified(deliveryFailed: true, annotations: ["x-why": "full"]),
                    .modified(deliveryFailed: true, annotations: ["x-why": "late"]),
                ], 2, "late"
            ),
        ] as [([Outcome], UInt32, AMQPValue?)])
    func outcomesAreKept(_ outcomes: [Outcome], _ count: UInt32, _ annotation: AMQPValue?) async throws {
        let store = MemoryStore()
        let broker = try start(store)
        try broker.send([message("a", timeToLive: .seconds(600)), message("b")], to: "q")
        for outcome in outcomes { try settle(broker, outcome) }
        try await broker.wait { $0.connections.isEmpty }
        broker.stop()
        let messages = try restarted(store, 2)
        #expect(messages.map(\.text) == ["a", "b"])
        #expect(messages.map(\.deliveryCount) == [count, 0])
        #expect(messages[0].annotations["x-why"] == annotation)
        let updates = store.changes.count { if case .update = $0 { true } else { false } }
        #expect(updates == outcomes.count { $0 != .released && $0 != .modified(deliveryFailed: false) })
    }

    @Test func aConsumerThatVanishesIsRemembered() async throws {
        let store = MemoryStore()
        let broker = try start(store)
        try broker.send([message("a"), message("passing", isDurable: false)], to: "q")
        let wire = try Wire(to: broker)
        try wire.write(.header, .open, .begin, .attach(receivingFrom: .source("q")), .flow(credit: 2))
        try wire.read(until: "passing")
        wire.close()
        try await broker.wait { $0.queue("q")?.waiting == 2 }
        broker.stop()
        #expect(try restarted(store, 1).map(\.deliveryCount) == [1])
    }

    @Test func whatATransactionDoesIsWrittenWithIt() throws {
        let store = MemoryStore()
        let broker = try start(store)
        try broker.send([message("a")], to: "q")
        let controller = Controller(broker)
        try controller.run { container, connection in
            try controller.declare { id in
                let receiver = try container.createReceiver(connection, "q")
                controller.script.message = { event in
                    event.delivery.update(.transactional(id: id, outcome: .modified(deliveryFailed: true)))
                    try controller.discharge(id) { _ in controller.script.finish() }
                }
                try receiver.flow(1)
            }
        }
        broker.stop()
        #expect(try restarted(store, 1).map(\.deliveryCount) == [1])
    }

    @Test func whatIsTakenAtOnceIsNotWrittenTwice() async throws {
        let store = MemoryStore()
        let broker = try start(store)
        defer { broker.stop() }
        try broker.send([message("a")], to: "q")
        #expect(try broker.takeAll(from: "q") == ["a"])
        try await broker.wait { $0.queues.isEmpty }
        #expect(store.changes.count == 4, "a queue made and removed, and a message")
    }

    @Test(arguments: [[1, 2, 3], [0x45], [0x40]] as [[UInt8]])
    func detailsThatCannotBeReadAreLeftOut(_ details: [UInt8]) throws {
        let bytes = try message("a").encoded()
        let stored = StoredMessage(
            queue: 1, place: 1, arrival: Timestamp(milliseconds: 0), bytes: bytes, details: details)
        let store = MemoryStore([.queue(StoredQueue(id: 1, address: "q")), .message(stored)])
        #expect(try restarted(store, 1).map(\.deliveryCount) == [0])
    }
}

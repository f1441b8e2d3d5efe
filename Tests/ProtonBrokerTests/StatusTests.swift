// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import ProtonUtilities
import Testing

@testable import ProtonBroker

/// What a broker tells of itself, and the time that passes in it.
struct StatusTests {
    @Test func countsMessagesLinksAndConnections() async throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        #expect(broker.status.queues.isEmpty && broker.status.connections.isEmpty && broker.status.bytes == 0)
        try broker.send("a", "b", "c", to: "q")
        let script = Script(broker)
        script.message = { event in
            let status = broker.status
            let queue = try #require(status.queue("q"))
            #expect((queue.waiting, queue.unsettled, queue.consumers, queue.senders) == (2, 1, 1, 0))
            #expect((queue.received, queue.removed, status.messages) == (3, 0, 3))
            #expect(queue.bytes == status.bytes && status.bytes > 0)
            #expect(status.connections.map(\.links) == [1])
            #expect(status.connections.map(\.containerID) == ["reader"])
            event.delivery.settle(.accepted)
            script.finish()
        }
        try script.run(containerID: "reader") { try $0.createReceiver($1, "q").flow(1) }
        let status = try await broker.wait { $0.connections.isEmpty && $0.removed == 1 }
        #expect(status.queue("q")?.waiting == 2 && status.received == 3)
    }

    @Test func waitsForAStateInVain() async throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let error = await #expect(throws: ProtonError.self) {
            try await broker.wait(atMost: .milliseconds(20)) { !$0.queues.isEmpty }
        }
        #expect(error?.code == .timedOut)
        let waiting = Task { try await broker.wait { _ in false } }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
    }

    @Test func listensOnSeveralAddresses() throws {
        let broker = try Broker("127.0.0.1:0", "127.0.0.1:0")
        let thread = try #require(Thread.start { try? broker.run() })
        defer {
            broker.stop()
            thread.join()
        }
        #expect(Set(broker.addresses).count == 2 && broker.addresses.first == broker.address)
        for address in broker.addresses {
            let script = Script(address)
            script.connected = { script.finish() }
            try script.run { _, _ in }
        }
    }

    @Test func messagesExpireThoughNobodyAsks() async throws {
        let clock = TestClock()
        let broker = try Broker.start(clock: clock)
        defer { broker.stop() }
        try broker.send([Message(body: "short", timeToLive: .seconds(60)), Message(body: "long")], to: "q")
        clock.advance(by: .seconds(59))
        #expect(broker.status.queue("q")?.waiting == 2)
        clock.advance(by: .seconds(2))
        try await broker.wait { $0.queue("q")?.waiting == 1 && $0.removed == 1 }
    }

    @Test func delayedMessagesComeInTime() async throws {
        let clock = TestClock()
        let broker = try Broker.start(clock: clock)
        defer { broker.stop() }
        let delays: [Int32] = [3_000, 1_000, 2_000]
        try broker.send(
            delays.map { Message(body: "\($0)", annotations: ["x-opt-delivery-delay": .int($0)]) },
            to: "q")
        #expect(try broker.takeAll(from: "q") == [])
        var texts: [String] = []
        for _ in delays {
            clock.advance(by: .seconds(1))
            texts += try broker.receive(1, from: "q").map(\.text)
        }
        #expect(texts == ["1000", "2000", "3000"])
    }

    @Test func whatAStoreHadExpiresTooAndComesInTime() async throws {
        let clock = TestClock()
        let now = Timestamp(milliseconds: QueueClock(clock).timeOfDay)
        let messages = try [
            Message(body: "short", isDurable: true, timeToLive: .seconds(60)),
            Message(body: "later", annotations: ["x-opt-delivery-delay": 90_000], isDurable: true),
        ].enumerated().map { place, message in
            StoredItem.message(
                StoredMessage(queue: 1, place: UInt64(place), arrival: now, bytes: try message.encoded()))
        }
        var options = BrokerOptions()
        options.store = MemoryStore([.queue(StoredQueue(id: 1, address: "q"))] + messages)
        let broker = try Broker.start(options: options, clock: clock)
        defer { broker.stop() }
        #expect(broker.status.queue("q")?.waiting == 2)
        clock.advance(by: .seconds(61))
        try await broker.wait { $0.queue("q")?.waiting == 1 }
        #expect(try broker.takeAll(from: "q") == [])
        clock.advance(by: .seconds(30))
        #expect(try broker.receive(1, from: "q").map(\.text) == ["later"])
    }

    // MARK: Declared queues

    @Test func declaredQueuesStayAndOthersMayBeRefused() throws {
        var options = BrokerOptions()
        options.queues = [QueueDeclaration("orders", limits: QueueLimits(messages: 2, policy: .reject))]
        options.makesQueues = false
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        #expect(broker.status.queues.map(\.address) == ["orders"])
        try broker.send("a", "b", to: "orders")
        #expect(throws: ProtonError.self) { try broker.send("c", to: "orders") }
        #expect(try broker.takeAll(from: "orders") == ["a", "b"])
        #expect(broker.status.queues.map(\.address) == ["orders"])
        let error = #expect(throws: ProtonError.self) { try broker.send("a", to: "others") }
        #expect(error?.message.contains("amqp:not-found") == true)
    }

    @Test func anExclusiveConsumerIsAlone() throws {
        var options = BrokerOptions()
        options.queues = [QueueDeclaration("mine", isExclusive: true)]
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let script = Script(broker)
        var names: [String] = []
        script.linkOpened = { names.append($0.name) }
        script.linkError = { link, condition in
            #expect(condition?.name == .resourceLocked)
            names.append("refused \(link.name)")
            script.finish()
        }
        try script.run { container, connection in
            try container.createReceiver(connection, "mine", name: "first")
            try container.createReceiver(connection, "mine", name: "browser", options: .copy)
            try container.createReceiver(connection, "mine", name: "second")
        }
        #expect(names.contains("first") && names.contains("browser") && names.last == "refused second")
        #expect(try broker.takeAll(from: "mine") == [])
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonBroker
import ProtonTesting
import Testing

/// Messages that come again: how soon, in which order, and what is said of them then.
struct RedeliveryTests {
    /// A consumer of a queue that gives back each message as a failed delivery.
    private final class Failing {
        let peer: FramePeer

        init(_ broker: Broker, credit: UInt32 = 100) throws {
            peer = try FramePeer(broker)
            try peer.attach(.attach(receivingFrom: "q"))
            try peer.send(.flow(credit: credit))
        }

        /// Waits for a message, and fails.
        func fail() throws -> PeerFrame {
            let transfer = try peer.wait(.transfer)
            try peer.send(.disposition(.modified(deliveryFailed: true), transfer.deliveryID))
            return transfer
        }

        /// Whether there is a message that has come by now.
        func hasMore() throws -> Bool {
            try peer.sync()
            return peer.hasUnread(.transfer)
        }
    }

    @Test func aPoisonMessageComesNoFasterThanThePolicySays() throws {
        let clock = TestClock()
        var options = BrokerOptions()
        options.redelivery = RedeliveryPolicy(delay: .seconds(1), maxDelay: .seconds(3))
        let broker = try Broker.start(options: options, clock: clock)
        defer { broker.stop() }
        try broker.send("poison", to: "q")
        let consumer = try Failing(broker)
        // Two redeliveries are immediate.
        for count in 0..<3 as Range<UInt32> { #expect(try consumer.fail().message().deliveryCount == count) }
        var count: UInt32 = 3
        // Doubled each time, up to the limit.
        for wait in [1, 2, 3, 3, 3] {
            #expect(try !consumer.hasMore())
            clock.advance(by: .seconds(wait) - .milliseconds(1))
            #expect(try !consumer.hasMore())
            clock.advance(by: .milliseconds(1))
            #expect(try consumer.fail().message().deliveryCount == count)
            count += 1
        }
        #expect(try !consumer.hasMore())
        #expect(broker.status.queue("q")?.waiting == 1)
    }

    @Test func othersDoNotWaitForItAndKeepTheirOrder() throws {
        let clock = TestClock()
        let broker = try Broker.start(clock: clock)
        defer { broker.stop() }
        try broker.send("poison", "1", "2", "3", to: "q")
        let consumer = try Failing(broker, credit: 1)
        for count in 1...3 as ClosedRange<UInt32> {
            #expect(try consumer.fail().text == "poison")
            // Credit for one more, after those that have come; for all the rest in the end.
            try consumer.peer.send(.flow(credit: count < 3 ? 1 : 10, ["delivery-count": .uint(count)]))
        }
        let texts = try (0..<3).map { _ in try consumer.peer.wait(.transfer).text }
        #expect(texts == ["1", "2", "3"])
        clock.advance(by: .seconds(1))
        #expect(try consumer.peer.wait(.transfer).text == "poison")
    }

    @Test func whatIsReleasedComesAtOnceAndIsNotCounted() throws {
        let clock = TestClock()
        let broker = try Broker.start(clock: clock)
        defer { broker.stop() }
        try broker.send("a", to: "q")
        let peer = try FramePeer(broker)
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 10))
        for _ in 0..<10 {
            let transfer = try peer.wait(.transfer)
            #expect(try transfer.message().deliveryCount == 0)
            try peer.send(.disposition(.released, transfer.deliveryID))
        }
    }

    /// A message that waits for its redelivery is not lost when the broker ends: the store has it.
    @Test func whatWaitsIsInTheStoreWithItsCount() throws {
        let clock = TestClock()
        let store = MemoryStore()
        var options = BrokerOptions()
        options.store = store
        let broker = try Broker.start(options: options, clock: clock)
        try broker.send([Message(body: "a", isDurable: true)], to: "q")
        let consumer = try Failing(broker)
        for _ in 0..<3 { _ = try consumer.fail() }
        #expect(try !consumer.hasMore())
        broker.stop()
        options.store = MemoryStore(store.contents)
        let again = try Broker.start(options: options, clock: clock)
        defer { again.stop() }
        #expect(try again.receive(1, from: "q").map(\.deliveryCount) == [3])
    }

    // MARK: What the message says

    @Test func theHeaderIsRightAndTheRestIsAsItCame() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        var message = Message(
            id: 7, body: "a", properties: ["p": 1], annotations: ["x-opt-a": 2], isDurable: true, priority: 7,
            isFirstAcquirer: true)
        message.deliveryAnnotations["x-opt-d"] = 3
        message.footer["x-opt-f"] = 4
        try broker.send([message], to: "q")
        let consumer = try Failing(broker)
        let (first, second) = (try consumer.fail().message(), try consumer.fail().message())
        #expect(first.isFirstAcquirer && !second.isFirstAcquirer)
        #expect(second.deliveryCount == 1 && second.isDurable && second.priority == 7)
        #expect(second.deliveryAnnotations["x-opt-d"] == 3 && second.annotations["x-opt-a"] == 2)
        #expect(second.footer["x-opt-f"] == 4 && second.properties["p"] == 1 && second.id == 7)
    }

    /// The same where a consumer adds annotations, for which the message is encoded again.
    @Test func deliveryAnnotationsAreKeptBesideAddedOnes() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        var message = Message(body: "a")
        message.deliveryAnnotations["x-opt-d"] = 3
        message.footer["x-opt-f"] = 4
        try broker.send([message], to: "q")
        let peer = try FramePeer(broker)
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 10))
        let id = try peer.wait(.transfer).deliveryID
        try peer.send(.disposition(.modified(annotations: ["x-opt-why": "no"]), id))
        let again = try peer.wait(.transfer).message()
        #expect(again.deliveryAnnotations["x-opt-d"] == 3 && again.annotations["x-opt-why"] == "no")
        #expect(again.footer["x-opt-f"] == 4)
        #expect(again.deliveryCount == 0 && !again.isFirstAcquirer)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// When messages are of no use any more: by their time to live, and by an absolute time (AMQP 1.0, 3.2.1 and 3.2.4).
struct ExpiryTests {
    /// A time of day by the broker's clock, which begins with the system's.
    private func time(in duration: Duration) -> Timestamp {
        Timestamp(milliseconds: QueueClock().timeOfDay + duration.components.seconds * 1_000)
    }

    @Test func anAbsoluteTimeIsKept() async throws {
        let clock = TestClock()
        let broker = try Broker.start(clock: clock)
        defer { broker.stop() }
        var (soon, later) = (Message(body: "soon"), Message(body: "later"))
        (soon.expiryTime, later.expiryTime) = (time(in: .seconds(60)), time(in: .seconds(3_600)))
        try broker.send([soon, later], to: "q")
        #expect(broker.status.queue("q")?.waiting == 2)
        clock.advance(by: .seconds(120))
        try await broker.wait { $0.queue("q")?.waiting == 1 }
        #expect(try broker.receive(1, from: "q").map(\.text) == ["later"])
    }

    @Test func theEarlierOfBothCounts() async throws {
        let clock = TestClock()
        let broker = try Broker.start(clock: clock)
        defer { broker.stop() }
        var (first, second) = (
            Message(body: "first", timeToLive: .seconds(3_600)), Message(body: "second", timeToLive: .seconds(60))
        )
        (first.expiryTime, second.expiryTime) = (time(in: .seconds(60)), time(in: .seconds(3_600)))
        try broker.send([first, second, Message(body: "third")], to: "q")
        clock.advance(by: .seconds(120))
        try await broker.wait { $0.queue("q")?.waiting == 1 }
        #expect(try broker.takeAll(from: "q") == ["third"])
    }

    /// Times that no clock shows do no harm.
    @Test(arguments: [Int64.min, -1, 0, 1, .max]) func anyTimeIsTaken(milliseconds: Int64) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        var message = Message(body: "a", timeToLive: .milliseconds(UInt32.max))
        message.expiryTime = Timestamp(milliseconds: milliseconds)
        try broker.send([message, Message(body: "b")], to: "q")
        let texts = try broker.takeAll(from: "q")
        #expect(texts.last == "b")
        #expect(milliseconds != .max || texts.first == "a")
        #expect(milliseconds != 1 || texts == ["b"])
    }

    @Test func theTimeToLiveRunsOnTheWay() throws {
        let clock = TestClock()
        let broker = try Broker.start(clock: clock)
        defer { broker.stop() }
        try broker.send([Message(body: "a", timeToLive: .seconds(60))], to: "q")
        clock.advance(by: .seconds(20))
        let peer = try FramePeer(broker)
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 10))
        let first = try peer.wait(.transfer)
        #expect(try first.message().timeToLive == .seconds(40))
        clock.advance(by: .seconds(10))
        try peer.send(.disposition(.released, first.deliveryID))
        #expect(try peer.wait(.transfer).message().timeToLive == .seconds(30))
    }

    /// What expires while a consumer has it does not come again.
    @Test func anExpiredMessageDoesNotComeBack() async throws {
        let clock = TestClock()
        let broker = try Broker.start(clock: clock)
        defer { broker.stop() }
        try broker.send([Message(body: "a", timeToLive: .seconds(60))], to: "q")
        let peer = try FramePeer(broker)
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 10))
        let id = try peer.wait(.transfer).deliveryID
        clock.advance(by: .seconds(61))
        #expect(broker.status.queue("q")?.unsettled == 1)
        try peer.send(.disposition(.released, id))
        try peer.sync()
        #expect(!peer.hasUnread(.transfer))
        #expect(broker.status.messages == 0 && broker.status.removed == 1)
    }
}

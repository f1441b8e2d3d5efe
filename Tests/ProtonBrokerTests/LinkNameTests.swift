// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonBroker
import ProtonTesting
import Testing

/// A link name that a container uses twice (AMQP 1.0, 2.6.1): the new link steals it, and the connections live.
struct LinkNameTests {
    /// Where the name is used again.
    enum Place: CaseIterable { case session, connection }

    @Test(arguments: Place.allCases, [1, 3]) func aProducerIsStolenToo(place: Place, threads: Int) throws {
        var options = BrokerOptions()
        options.threads = threads
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let old = try FramePeer(broker)
        try old.attach(.attach(sendingTo: "q"))
        let new = place == .session ? old : try FramePeer(broker)
        let channel: UInt16 = place == .session ? 1 : 0
        if place == .session {
            try old.send(.begin(channel: 1))
            try old.wait(.begin)
        }
        try new.attach(.attach(sendingTo: "q", channel: channel))
        let detach = try old.wait(.detach)
        #expect(detach.condition?.name == .linkStolen)
        #expect(detach["closed"] != true)
        try old.send(.detach(["closed": false]))
        try new.send(.transfer(0, Message(body: "a"), channel: channel))
        #expect(try new.waitOutcome(0).state == .accepted)
        try old.sync()
        #expect(try broker.takeAll(from: "q") == ["a"])
    }

    @Test(arguments: Place.allCases) func aConsumersMessagesGoToTheNewLink(place: Place) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", to: "q")
        let old = try FramePeer(broker)
        try old.attach(.attach(receivingFrom: "q"))
        try old.send(.flow(credit: 5))
        #expect(try old.wait(.transfer).text == "a")
        let new = place == .session ? old : try FramePeer(broker)
        let channel: UInt16 = place == .session ? 1 : 0
        if place == .session { try old.send(.begin(channel: 1)) }
        try new.attach(.attach(receivingFrom: "q", channel: channel))
        #expect(try old.wait(.detach).condition?.name == .linkStolen)
        try new.send(
            .flow(credit: 5, channel: channel, ["incoming-window": 1_000_000, "outgoing-window": 1_000_000]))
        #expect(try new.wait(.transfer).text == "a")
    }

    @Test func aSenderAndAReceiverMayHaveTheSameName() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.attach(sendingTo: "q"))
        try peer.attach(.attach(receivingFrom: "q", handle: 1))
        try peer.sync()
        #expect(!peer.hasUnread(.detach))
    }

    /// How a new link goes before the old one has let go of the name.
    enum Leaving: CaseIterable {
        case consumerCloses, consumerDetaches, producerCloses, producerDetaches

        var receives: Bool { self == .consumerCloses || self == .consumerDetaches }
        var closes: Bool { self == .consumerCloses || self == .producerCloses }
    }

    @Test(arguments: Leaving.allCases, [1, 3])
    func aLinkThatWaitsMayGoBeforeItsTurn(leaving: Leaving, threads: Int) async throws {
        let receives = leaving.receives
        var options = BrokerOptions()
        options.threads = threads
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let old = try FramePeer(broker)
        try old.attach(receives ? .attach(receivingFrom: "q") : .attach(sendingTo: "q"))
        let new = try FramePeer(broker)
        try new.send(
            receives ? .attach(receivingFrom: "q") : .attach(sendingTo: "q"),
            .detach(["closed": .boolean(leaving.closes)]))
        #expect(try old.wait(.detach).condition?.name == .linkStolen)
        // It is answered all the same.
        try new.waitAttach()
        try new.wait(.detach)
        try await broker.wait { $0.queue("q") == nil }
        // The name is free.
        try new.attach(receives ? .attach(receivingFrom: "q", handle: 1) : .attach(sendingTo: "q", handle: 1))
        try new.sync()
        #expect(!new.hasUnread(.detach))
    }

    /// A connection that ends while one of its links waits for a name leaves nothing behind.
    @Test(arguments: [1, 3]) func aConnectionMayEndBeforeTheTurnOfItsLink(threads: Int) async throws {
        var options = BrokerOptions()
        options.threads = threads
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let old = try FramePeer(broker)
        try old.attach(.attach(receivingFrom: "q"))
        let new = try FramePeer(broker)
        try new.send(.attach(receivingFrom: "q"), .close())
        try new.wait(.close)
        try await broker.wait { $0.connections.map(\.links) == [0] && $0.queues.isEmpty }
        try old.wait(.detach)
        let third = try FramePeer(broker)
        try third.attach(.attach(receivingFrom: "q"))
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// A durable subscriber that comes back while its old link is still there takes it over (AMQP 1.0, 2.6.1).
struct LinkStealingTests {
    /// A source of a topic whose subscription is kept.
    private static let source = AMQPValue.terminus(0x28, [.string("topic/a"), .uint(2), .symbol("never")])
    private static let node = "wire/link"

    private func start(threads: Int) throws -> Broker {
        var options = BrokerOptions()
        options.threads = threads
        // What is taken away often keeps its place.
        options.redelivery.delay = .zero
        return try Broker.start(options: options)
    }

    /// A subscriber with some credit that neither settles nor closes anything of itself.
    private func deadSubscriber(of broker: Broker, credit: UInt32 = 2) throws -> Wire {
        let wire = try Wire(to: broker)
        try wire.write(.header, .open, .begin, .attach(receivingFrom: Self.source), .flow(credit: credit))
        try wire.read(until: "topic/a")
        return wire
    }

    /// Attaches the same link from another connection, and takes what there is until there are so many.
    @discardableResult
    private func takeOver(
        _ broker: Broker, id: String = "wire", address: String = "topic/a", count: Int
    ) throws -> [Message] {
        let script = Script(broker, prefetch: 10, autoAccepts: true)
        var messages: [Message] = []
        script.linkOpened = { if count == 0 { $0.detach() } }
        script.message = { event in
            messages.append(event.message)
            if messages.count == count { event.receiver.detach() }
        }
        script.linkDetached = { _ in script.finish() }
        try script.run(containerID: id) {
            try $0.createReceiver($1, address, name: "link", options: .durableSubscription)
        }
        return messages
    }

    @Test(arguments: [1, 3]) func theNewLinkHasWhatTheOldOneHadNotSettled(threads: Int) async throws {
        let broker = try start(threads: threads)
        defer { broker.stop() }
        let old = try deadSubscriber(of: broker)
        try broker.send("one", "two", "three", to: "topic/a")
        try old.read(until: "two")
        #expect(broker.status.queue(Self.node)?.unsettled == 2)
        let messages = try takeOver(broker, count: 3)
        #expect(messages.map(\.text) == ["one", "two", "three"])
        #expect(messages.map(\.deliveryCount) == [1, 1, 0])
        try old.read(until: "amqp:link:stolen")
        // Alive after all, it closes the link that it has lost: the subscription is not its to end.
        try old.write(.frame(.detach(["closed": true])), .attach("other", handle: 1, receivingFrom: .source("q")))
        try old.read(until: "other")
        try await broker.wait { $0.queue(Self.node)?.consumers == 0 && $0.connections.map(\.links) == [1] }
        try broker.send("four", to: "topic/a")
        #expect(try takeOver(broker, count: 1).map(\.text) == ["four"])
    }

    @Test func theSameConnectionMayTakeItOver() throws {
        let broker = try start(threads: 1)
        defer { broker.stop() }
        let old = try deadSubscriber(of: broker)
        try broker.send("one", to: "topic/a")
        try old.read(until: "one")
        old.forget()
        let (begin, attach, flow) = (
            ProtonTesting.Frame.begin(channel: 1),
            ProtonTesting.Frame.attach(receivingFrom: "", name: "link", channel: 1, ["source": Self.source]),
            ProtonTesting.Frame.flow(
                credit: 5, channel: 1, ["incoming-window": 1_000_000, "outgoing-window": 1_000_000])
        )
        try old.write(.frame(begin), .frame(attach), .frame(flow))
        try old.read(until: "amqp:link:stolen")
        try old.read(until: "one")
    }

    @Test(arguments: [1, 3]) func manyThatTakeItFromEachOtherLoseNothing(threads: Int) async throws {
        let broker = try start(threads: threads)
        defer { broker.stop() }
        try takeOver(broker, count: 0)
        let texts = (1...20).map { "\($0)" }
        try broker.send(texts.map { Message(body: $0) }, to: "topic/a")
        try concurrently(8) { _ in
            for _ in 0..<20 {
                let script = Script(broker, prefetch: 5)
                // Stolen, or served: it goes without having settled anything.
                script.linkError = { _, condition in
                    #expect(condition?.name == .linkStolen)
                    script.finish()
                }
                script.linkDetached = { link in
                    #expect(link.remoteCondition?.name == .linkStolen)
                    script.finish()
                }
                script.message = { _ in script.finish() }
                try script.run(containerID: "wire") {
                    try $0.createReceiver($1, "topic/a", name: "link", options: .durableSubscription)
                }
            }
        }
        #expect(try takeOver(broker, count: 20).map(\.text) == texts)
        try await broker.wait { $0.connections.isEmpty && $0.queues.map(\.consumers) == [0] }
    }

    @Test(arguments: [1, 3]) func theNewLinkMayBeForAnotherTopic(threads: Int) async throws {
        let broker = try start(threads: threads)
        defer { broker.stop() }
        let old = try deadSubscriber(of: broker)
        try broker.send("one", to: "topic/a")
        try old.read(until: "one")
        try takeOver(broker, address: "topic/b", count: 0)
        try old.read(until: "amqp:link:stolen")
        try await broker.wait { $0.messages == 0 && $0.bytes == 0 && $0.queue(Self.node)?.consumers == 0 }
    }

    @Test func anotherContainerStealsNothing() async throws {
        let broker = try start(threads: 1)
        defer { broker.stop() }
        let old = try deadSubscriber(of: broker, credit: 10)
        try takeOver(broker, id: "other", count: 0)
        try broker.send("one", to: "topic/a")
        try old.read(until: "one")
        #expect(try takeOver(broker, id: "other", count: 1).map(\.text) == ["one"])
        #expect(!old.received.contains(Array("amqp:".utf8)))
    }

    @Test func whoeverReceivesByTheNameOfTheNodeStealsNothing() throws {
        let broker = try start(threads: 1)
        defer { broker.stop() }
        let old = try deadSubscriber(of: broker)
        let error = #expect(throws: ProtonError.self) {
            try takeOver(broker, id: "other", address: Self.node, count: 0)
        }
        #expect(error?.message.contains("amqp:not-allowed") == true)
        try broker.send("one", to: "topic/a")
        try old.read(until: "one")
    }
}

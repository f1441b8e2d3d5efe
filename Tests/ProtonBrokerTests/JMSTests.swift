// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonBroker
import ProtonTesting
import Testing

/// What JMS clients ask for and expect, as qpid-jms writes it to the wire.
struct JMSTests {
    @Test func unsubscribesByAnAttachWithANullSource() async throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let subscriber = try FramePeer(broker, id: "client")
        try subscriber.attach(.subscribe("topic/a", name: "sub"))
        try subscriber.send(.detach(["closed": false]))
        try subscriber.wait(.detach)
        try broker.send("one", to: "topic/a")
        #expect(broker.status.queue("client/sub")?.waiting == 1)

        let answer = try subscriber.attach(
            .attach(receivingFrom: "", name: "sub", handle: 1, ["source": .null, "target": .target(nil)]))
        // The real source, which says that there is such a subscription.
        #expect(answer.terminus("source").first == .string("topic/a"))
        #expect(answer.terminus("source").dropFirst().first == .uint(2))
        #expect(answer.terminus("source").dropFirst(2).first == .symbol("never"))
        try subscriber.send(.detach(handle: 1))
        #expect(try subscriber.wait(.detach)["closed"] == true)
        #expect(broker.status.queues.isEmpty)
        // It does not come back with what it had.
        try subscriber.attach(.subscribe("topic/a", name: "sub", handle: 2))
        #expect(broker.status.queue("client/sub")?.waiting == 0)
    }

    @Test func anUnknownSubscriptionIsNotFound() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        let answer = try peer.attach(
            .attach(receivingFrom: "", name: "unknown", ["source": .null, "target": .target(nil)]))
        #expect(answer["source"].isNull && answer["target"].isNull)
        let detach = try peer.wait(.detach)
        #expect(detach["closed"] == true && detach.condition?.name == .notFound)
        #expect(detach.condition?.description?.contains("unknown") == true)
    }

    @Test func offersDelaysAndTheAnonymousRelay() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let open = try FramePeer(broker).open
        guard case .array(let offered) = open["offered-capabilities"] else {
            throw ProtonError(.linkError, "\(open)")
        }
        #expect(offered.elements.contains(.symbol("DELAYED_DELIVERY")))
        #expect(offered.elements.contains(.symbol("ANONYMOUS-RELAY")))
    }

    /// Where a message of an anonymous producer goes, by the kind of destination that JMS annotates it with: 0 is a queue,
    /// 1 a topic.
    @Test(arguments: [0, 1] as [Int8]) func anAnonymousProducerReachesATopicOrAQueue(kind: Int8) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        let topic = AMQPValue.array(AMQPArray(["topic" as Symbol]))
        // By its name alone it is no topic.
        try peer.attach(
            .attach(
                receivingFrom: "", name: "subscriber",
                ["source": PeerFrame.terminus(0x28, [0: .string("news"), 10: topic])]))
        try peer.send(.flow(credit: 10))
        try peer.attach(.attach(sendingTo: "", name: "anonymous", handle: 1, ["target": .target(nil)]))
        let message = Message(body: "x", address: "news", annotations: ["x-opt-jms-dest": .byte(kind)])
        try peer.send(.transfer(0, message, handle: 1))
        #expect(try peer.waitOutcome(0).state == .accepted)
        if kind == 1 {
            #expect(try peer.wait(.transfer).text == "x")
            #expect(broker.status.queue("news") == nil)
        } else {
            try peer.sync()
            #expect(!peer.hasUnread(.transfer))
            #expect(try broker.takeAll(from: "news") == ["x"])
        }
    }

    // MARK: Capabilities

    struct Wish: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var address: String?
        let capabilities: [Symbol]
        /// What is said to be honoured; nil where the link is refused.
        let echo: [Symbol]?
        /// What the refusal says.
        var words = ""
    }

    static var wishes: [Wish] {
        [
            Wish(testDescription: "a queue", address: "q", capabilities: ["queue"], echo: ["queue"]),
            Wish(testDescription: "a topic", address: "t", capabilities: ["topic"], echo: ["topic"]),
            Wish(testDescription: "a temporary queue", capabilities: ["temporary-queue"], echo: ["temporary-queue"]),
            Wish(testDescription: "what is not known", address: "q", capabilities: ["queue", "x"], echo: ["queue"]),
            Wish(testDescription: "nothing", address: "q", capabilities: [], echo: []),
            Wish(
                testDescription: "a shared subscription", address: "topic/a", capabilities: ["topic", "shared"],
                echo: nil, words: "no shared subscriptions"),
            Wish(
                testDescription: "a shared subscription of all", address: "topic/a",
                capabilities: ["topic", "shared", "global"], echo: nil, words: "no shared subscriptions"),
            Wish(
                testDescription: "a temporary topic", capabilities: ["temporary-topic"], echo: nil,
                words: "no temporary topics"),
            Wish(
                testDescription: "a topic where a queue is declared", address: "topic/declared",
                capabilities: ["topic"], echo: nil, words: "topic/declared is a queue"),
            Wish(
                testDescription: "a queue where a topic is", address: "topic/a", capabilities: ["queue"], echo: nil,
                words: "topic/a is a topic"),
        ]
    }

    @Test(arguments: wishes, [true, false])
    func capabilitiesAreEchoedWhereHonoured(wish: Wish, receives: Bool) throws {
        var options = BrokerOptions()
        options.queues = [QueueDeclaration("topic/declared")]
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        let (name, index) = receives ? ("source", 10) : ("target", 6)
        var fields: [Int: AMQPValue] = [index: .array(AMQPArray(wish.capabilities))]
        if let address = wish.address { fields[0] = .string(address) } else { fields[4] = .boolean(true) }
        let terminus = PeerFrame.terminus(receives ? 0x28 : 0x29, fields)
        let answer = try peer.attach(
            receives ? .attach(receivingFrom: "", ["source": terminus]) : .attach(sendingTo: "", ["target": terminus]))
        if let echo = wish.echo {
            #expect(answer.capabilities(name) == echo)
            try peer.sync()
            #expect(!peer.hasUnread(.detach))
        } else {
            #expect(answer["source"].isNull && answer["target"].isNull)
            let condition = try peer.wait(.detach).condition
            #expect(condition?.name == .notImplemented)
            #expect(condition?.description?.contains(wish.words) == true)
        }
        #expect(try broker.takeAll(from: "topic/declared").isEmpty)
    }
}

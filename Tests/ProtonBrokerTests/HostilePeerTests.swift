// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonBroker
import Testing

/// What peers do that they should not: the broker lives on, and serves others.
struct HostilePeerTests {
    /// Whether a well-behaved client is served.
    private func expectService(by broker: Broker, _ address: String = "service") throws {
        try broker.send("hello", to: address)
        #expect(try broker.takeAll(from: address) == ["hello"])
    }

    /// Opens a link that sends, and waits until the broker has opened it too: before it takes no transfer.
    private func attach(_ wire: Wire, sendingTo address: String) throws {
        try wire.write(.header, .open, .begin, .attach(sendingTo: .target(address)))
        try wire.read(until: "link")
    }

    private static let attacks: [[Frame]] = [
        [.raw(Array("AMQP".utf8) + [1, 1, 0, 0])],
        [.raw(Array("AMQP".utf8) + [0, 0, 9, 1])],
        [.raw(Array("GET / HTTP/1.1\r\n\r\n".utf8))],
        [.raw([UInt8](repeating: 0, count: 65_536))],
        [.raw([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])],
        [.header, .raw([0, 0, 0, 0, 2, 0, 0, 0])],
        [.header, .raw([0, 0, 0, 7, 2, 0, 0, 0])],
        [.header, .raw([0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0])],
        [.header, .open, .raw([0x7f, 0xff, 0xff, 0xff, 2, 0, 0, 0])],
        [.header, .open, .performative(0x18, [.null])],
        [.header, .open, .begin, .performative(0x16, [.uint(7), .boolean(true)])],
        [.header, .open, .begin, .performative(0x15, [.boolean(true), .uint(0), .uint(.max), .boolean(true)])],
        [.header, .open, .begin, .attach(sendingTo: .target("q")), .attach(sendingTo: .target("q"))],
        [.header, .open, .begin, .attach(sendingTo: .target("q")), .transfer(9, payload: [])],
    ]

    @Test(arguments: attacks)
    func survives(_ frames: [Frame]) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let wire = try Wire(to: broker)
        for frame in frames { try wire.write(frame) }
        try expectService(by: broker)
        wire.close()
        try expectService(by: broker)
    }

    /// Only a link's sender sends transfers: proton 0.37 aborts the process at the next message on the link.
    @Test(arguments: [(true, false), (true, true), (false, false), (false, true)])
    func survivesATransferOnALinkThatItSendsOn(isAborted: Bool, hasMore: Bool) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let wire = try Wire(to: broker)
        try wire.write(.header, .open, .begin, .attach(receivingFrom: .source("q")), .flow(credit: 20))
        try wire.read(until: "link")
        let fields: [AMQPValue] = [
            .uint(0), .uint(0), .binary([1]), .uint(0), false, .boolean(hasMore), .null, .null, .null,
            .boolean(isAborted),
        ]
        try wire.write(.performative(0x14, fields, payload: [1]))
        try wire.read(until: "amqp:not-allowed")
        try wire.readToEnd()
        try expectService(by: broker, "q")
    }

    @Test func closesALinkThatSendsMoreThanItMay() throws {
        var options = BrokerOptions()
        options.creditWindow = 10
        options.queueLimits.messages = 10
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let wire = try Wire(to: broker)
        try attach(wire, sendingTo: "q")
        let payload = try Message(body: "x").encoded()
        for id in 0..<100 { try wire.write(.transfer(UInt32(id), settled: true, payload: payload)) }
        try wire.read(until: "amqp:link:transfer-limit-exceeded")
        try expectService(by: broker)
    }

    @Test func refusesAMessageThatIsEmpty() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let wire = try Wire(to: broker)
        try attach(wire, sendingTo: "q")
        try wire.write(.transfer(0, payload: []))
        try wire.read(until: "amqp:decode-error")
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    @Test func refusesWhatIsNoMessage() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let wire = try Wire(to: broker)
        try attach(wire, sendingTo: "q")
        try wire.write(.transfer(0, payload: [0xde, 0xad, 0xbe, 0xef]))
        try wire.read(until: "amqp:decode-error")
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    /// The body is the consumer's: the broker does not look at it.
    @Test func forwardsABodyThatIsNotValid() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let wire = try Wire(to: broker)
        let garbage: [UInt8] = [0x00, 0x53, 0x75, 0xde, 0xad, 0xbe, 0xef]
        try attach(wire, sendingTo: "q")
        try wire.write(.transfer(0, payload: garbage))
        let consumer = try Wire(to: broker)
        try consumer.write(.header, .open, .begin, .attach(receivingFrom: .source("q")), .flow(credit: 1))
        try consumer.read(until: garbage)
    }

    // MARK: Consumers that vanish

    @Test func returnsWhatAVanishedConsumerHad() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("first", "second", "third", to: "q")
        let wire = try Wire(to: broker)
        try wire.write(.header, .open, .begin, .attach(receivingFrom: .source("q")), .flow(credit: 2))
        try wire.read(until: "second")
        wire.close()
        let messages = try broker.receive(3, from: "q")
        #expect(messages.map(\.text) == ["first", "second", "third"])
        #expect(messages.map(\.deliveryCount) == [1, 1, 0])
    }

    @Test func returnsWhatTheConsumersOfAnEndedSessionHad() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("first", "second", to: "q")
        let wire = try Wire(to: broker)
        try wire.write(.header, .open, .begin, .attach(receivingFrom: .source("q")), .flow(credit: 1))
        try wire.read(until: "first")
        try wire.write(.end)
        let messages = try broker.receive(2, from: "q")
        #expect(messages.map(\.text) == ["first", "second"])
        #expect(messages.map(\.deliveryCount) == [0, 0])
    }

    @Test func keepsWhatAConsumerDoesNotRead() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let wire = try Wire(to: broker, receiveBuffer: 4_096)
        try wire.write(.header, .open, .begin, .attach(receivingFrom: .source("q")), .flow(credit: UInt32(Int32.max)))
        try wire.read(until: "link")
        // Far more than sockets hold: the rest must wait in the queue, and go to one that reads.
        let body = [UInt8](repeating: 7, count: 30_000)
        let messages = (0..<400).map { Message(id: MessageID($0), body: .data(body)) }
        try broker.send(messages, to: "q")
        let taken = try broker.receive(100, from: "q")
        #expect(taken.compactMap(\.id?.intValue) == taken.compactMap(\.id?.intValue).sorted())
        wire.close()
        let rest = try broker.receive(300, from: "q")
        let ids = (taken + rest).compactMap(\.id?.intValue)
        #expect(ids.sorted() == Array(0..<400))
        #expect(rest.contains { $0.deliveryCount == 1 }, "what the vanished one had")
        try expectService(by: broker)
    }

    // MARK: Limits

    @Test func withholdsCreditFromAFullQueue() throws {
        var options = BrokerOptions()
        options.creditWindow = 10
        options.queueLimits.messages = 15
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let script = Script(broker, autoAccepts: true)
        var sent = 0
        var accepted = 0
        var received = 0
        script.sendable = { sender in
            while sender.credit > 0, sent < 60 {
                try sender.send(Message(body: "x"))
                sent += 1
            }
        }
        script.outcome = { delivery, outcome in
            #expect(outcome == .accepted)
            accepted += 1
            #expect(accepted - received <= 15 || received > 0)
            guard accepted == 15 else { return }
            #expect(sent == 15 && delivery.link.credit == 0)
            try delivery.connection.container.createReceiver(delivery.connection, "q").flow(60)
        }
        script.message = { _ in
            received += 1
            if received == 60 { script.finish() }
        }
        try script.run { try $0.createSender($1, "q") }
        #expect(accepted == 60)
    }

    @Test(arguments: [QueueLimits.Policy.withholdCredit, .reject])
    func takesNothingThatItHasNoMemoryFor(policy: QueueLimits.Policy) throws {
        var options = BrokerOptions()
        options.maxBytes = 1_000
        options.queueLimits.policy = policy
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let large = Message(body: .data([UInt8](repeating: 1, count: 600)))
        try broker.send([large], to: "a")
        try broker.send([large], to: "b")
        let script = Script(broker)
        var outcomes: [Outcome?] = []
        var isSent = false
        script.sendable = { sender in
            guard sender.target.address == "c", !isSent else { return }
            isSent = true
            try sender.send(Message(body: "small"))
        }
        script.linkOpened = { link in
            guard link.target.address == "c" else { return }
            if policy == .withholdCredit {
                #expect((link as? Sender)?.credit == 0)
                // What is taken makes room.
                _ = try broker.receive(1, from: "a")
            }
        }
        script.outcome = { _, outcome in
            outcomes.append(outcome)
            script.finish()
        }
        try script.run { try $0.createSender($1, "c") }
        #expect(outcomes.count == 1)
        if policy == .withholdCredit {
            #expect(outcomes == [.accepted])
        } else if case .rejected(let condition)? = outcomes.first ?? nil {
            #expect(condition?.name == .resourceLimitExceeded)
        } else {
            Issue.record("not rejected: \(outcomes)")
        }
    }

    /// A drain is answered though there are messages left: the consumer has as many unsettled as it may.
    @Test func answersADrainOfAConsumerThatMaySettleLater() throws {
        var options = BrokerOptions()
        options.maxUnsettled = 4
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        try broker.send((0..<8).map { Message(id: MessageID($0)) }, to: "q")
        let script = Script(broker)
        var (open, received): ([Delivery], [Int]) = ([], [])
        script.message = { open.append($0.delivery) }
        script.flow = { link in
            guard let receiver = link as? Receiver, !receiver.isDraining else { return }
            received.append(open.count)
            for delivery in open { delivery.accept() }
            open = []
            if received.count == 3 { script.finish() } else { try receiver.drain(100) }
        }
        try script.run { try $0.createReceiver($1, "q").drain(100) }
        #expect(received == [4, 4, 0])
    }

    @Test func limitsWhatOneConsumerHasUnsettled() throws {
        var options = BrokerOptions()
        options.maxUnsettled = 4
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        try broker.send((0..<12).map { Message(id: MessageID($0)) }, to: "q")
        let script = Script(broker)
        var open: [Delivery] = []
        var received = 0
        script.message = { event in
            received += 1
            open.append(event.delivery)
            #expect(open.count <= 4)
            if open.count == 4 {
                for delivery in open { delivery.accept() }
                open = []
            }
            if received == 12 { script.finish() }
        }
        try script.run { try $0.createReceiver($1, "q").flow(100) }
        #expect(try broker.takeAll(from: "q").isEmpty)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities
import Testing

@testable import ProtonBroker

/// The broker over real connections, with clients of the package's own.
struct BrokerTests {
    // MARK: Life

    @Test func startsOnAFreePortAndStops() throws {
        let (first, second) = (try Broker.start(), try Broker.start())
        #expect(first.port != second.port)
        try first.send("a", to: "q")
        #expect(try first.receive(1, from: "q").map(\.text) == ["a"])
        #expect(first.stop())
        #expect(first.stop(), "stopping again does nothing")
        #expect(throws: ProtonError.self) { try first.send("b", to: "q") }
        #expect(second.stop())
    }

    @Test func stopsWhileClientsAreConnected() throws {
        let broker = try Broker.start()
        let script = Script(broker)
        script.linkOpened = { _ in
            let thread = try #require(Thread.start { broker.stop() })
            thread.detach()
        }
        // The client learns that there may have been more to come.
        let error = #expect(throws: ProtonError.self) {
            try script.run { try $0.createReceiver($1, "q").flow(1) }
        }
        #expect(error?.condition?.name == .connectionForced)
        #expect(broker.stop())
    }

    @Test func stopsWhenItNeverRan() throws {
        #expect(try Broker("127.0.0.1:0").stop())
    }

    @Test func saysThatAPortIsInUse() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let error = #expect(throws: ProtonError.self) { _ = try Broker(broker.address) }
        #expect(error?.code == .listenFailed)
        #expect(error?.message.contains(broker.address) == true)
    }

    @Test func refusesOptionsThatMakeNoSense() {
        let fields: [WritableKeyPath<BrokerOptions, Int>] = [
            \.maxQueues, \.maxBytes, \.creditWindow, \.maxUnsettled, \.queueLimits.bytes, \.queueLimits.messages,
        ]
        for field in fields {
            var options = BrokerOptions()
            options[keyPath: field] = 0
            let error = #expect(throws: ProtonError.self) { _ = try Broker("127.0.0.1:0", options: options) }
            #expect(error?.code == .invalidArgument)
        }
        var options = BrokerOptions()
        options.maxConnections = 0
        let error = #expect(throws: ProtonError.self) { _ = try Broker("127.0.0.1:0", options: options) }
        #expect(error?.code == .invalidArgument)
        for grace in [Duration.seconds(-1), .seconds(Int64.max)] {
            var options = BrokerOptions()
            options.stopGrace = grace
            #expect(throws: ProtonError.self) { _ = try Broker("127.0.0.1:0", options: options) }
        }
    }

    // MARK: Queues

    @Test func keepsMessagesUntilSomebodyTakesThem() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let texts = (0..<500).map { "message \($0)" }
        try broker.send(texts.map { Message(body: $0) }, to: "q")
        try broker.send("other", to: "another")
        #expect(try broker.receive(500, from: "q").map(\.text) == texts)
        #expect(try broker.takeAll(from: "q").isEmpty)
        #expect(try broker.takeAll(from: "another") == ["other"])
    }

    @Test func forwardsTheBytesThatCame() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        // Fields encoded longer than need be, two data sections and a footer: nothing that an encoder here would write.
        let bytes: [UInt8] =
            [0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x70, 0xd0, 0, 0, 0, 7, 0, 0, 0, 2, 0x56, 0x01]
            + [0x40] + [0x00, 0x53, 0x75, 0xb0, 0, 0, 0, 1, 7] + [0x00, 0x53, 0x75, 0xa0, 1, 8]
            + [0x00, 0x53, 0x78, 0xc1, 1, 0]
        let sent = try Message(decoding: bytes)
        try broker.send([sent], to: "q")
        #expect(try broker.receive(1, from: "q").map { try $0.encoded() } == [bytes])
    }

    @Test func sharesMessagesEvenly() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let script = Script(broker, autoAccepts: true)
        var counts: [String: Int] = [:]
        script.message = { event in
            counts[event.receiver.name, default: 0] += 1
            if counts.values.reduce(0, +) == 90 { script.finish() }
        }
        var ready = 0
        script.linkOpened = { link in
            guard link.isReceiver else { return }
            ready += 1
            if ready == 3 { try link.connection.container.createSender(link.connection, "q") }
        }
        var sent = 0
        script.sendable = { sender in
            while sender.credit > 0, sent < 90 {
                try sender.send(Message(body: "x"))
                sent += 1
            }
        }
        try script.run { container, connection in
            for name in ["a", "b", "c"] { try container.createReceiver(connection, "q", name: name).flow(100) }
        }
        #expect(counts == ["a": 30, "b": 30, "c": 30])
    }

    @Test func takesWhatIsSentSettled() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let script = Script(broker, autoAccepts: true)
        var texts: [String] = []
        script.sendable = { sender in
            for text in ["a", "b"] { try sender.send(Message(body: text)) }
            sender.close()
        }
        script.message = { event in
            #expect(event.delivery.isSettled)
            texts.append(event.message.text)
            if texts.count == 2 { script.finish() }
        }
        try script.run { container, connection in
            try container.createReceiver(connection, "q", options: .atMostOnce).flow(10)
            try container.createSender(connection, "q", options: .atMostOnce)
        }
        #expect(texts == ["a", "b"])
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    @Test func makesDynamicNodesThatGoWithTheirLink() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let script = Script(broker, autoAccepts: true)
        var gone: Condition?
        var address = ""
        script.linkOpened = { link in
            guard link.isReceiver else { return }
            address = link.remoteSource.address ?? ""
            try link.connection.container.createSender(link.connection, address)
        }
        script.sendable = { sender in
            if sender.unsettledCount == 0, gone == nil { try sender.send(Message(body: "hello")) }
        }
        script.message = { event in
            #expect(event.message.text == "hello")
            event.receiver.close()
        }
        script.linkError = { _, condition in
            gone = condition
            script.finish()
        }
        try script.run { try $0.createReceiver($1, isDynamic: true).flow(1) }
        #expect(address.utf8.count == 36)
        #expect(gone?.name == .resourceDeleted)
    }

    @Test func answersADrain() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", "b", to: "q")
        #expect(try broker.takeAll(from: "q") == ["a", "b"])
        #expect(try broker.takeAll(from: "q").isEmpty)
    }
}

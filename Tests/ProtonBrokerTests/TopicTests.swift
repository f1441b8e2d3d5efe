// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

@testable import ProtonBroker

/// Topics: what is published goes to each who has subscribed.
struct TopicTests {
    @Test(
        arguments: [
            ("a", "a", true), ("a", "b", false), ("a/b", "a.b", false), ("a/*", "a/b", true), ("a/*", "a", false),
            ("a/*", "a/b/c", false), ("a/#", "a/b/c", true), ("a/#", "a", true), ("#", "a/b", true), ("*", "a", true),
            ("*/b", "a/b", true), ("a/#/b", "a/x/b", false), ("a/#/b", "a/#/b", true), ("a//b", "a//b", true),
            ("a/*/b", "a//b", true), ("", "", true), ("", "a", false),
        ])
    func patternsMatch(pattern: String, address: String, matches: Bool) {
        #expect(AddressPattern(pattern).matches(address) == matches)
    }

    @Test func eachSubscriberGetsEachMessage() async throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("before", to: "topic/news")
        let texts = try receive(from: broker, ["topic/news", "topic/*", "topic/#", "topic/other"]) {
            try broker.send("one", "two", to: "topic/news")
            try broker.send("three", to: "topic/other")
        }
        #expect(texts == [["one", "two"], ["one", "two", "three"], ["one", "two", "three"], ["three"]])
        try await broker.wait { $0.queues.isEmpty && $0.connections.isEmpty }
        #expect(broker.status.received == 9)
    }

    @Test func aSubscriberMayChoose() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let texts = try receive(from: broker, ["topic/a"], options: [.selector("colour = 'green'")]) {
            for (text, colour) in [("1", "green"), ("2", "red"), ("3", "green")] {
                try broker.send(
                    [Message(body: text, properties: ["colour": .string(colour)])], to: "topic/a")
            }
            #expect(broker.status.received == 2)
        }
        #expect(texts == [["1", "3"]])
    }

    @Test func relayedMessagesAreFannedOutToo() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let texts = try receive(from: broker, ["topic/a", "topic/a"]) {
            let script = Script(broker)
            script.sendable = { sender in
                guard sender.credit > 0, sender.unsettledCount == 0 else { return }
                try sender.send(Message(body: "relayed", address: "topic/a"))
            }
            script.outcome = { _, outcome in
                #expect(outcome == .accepted)
                script.finish()
            }
            try script.run { try $0.createSender($1, nil) }
        }
        #expect(texts == [["relayed"], ["relayed"]])
    }

    @Test(arguments: [false, true]) func messagesOfATransactionAreFannedOutOnceItCommits(fails: Bool) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let texts = try receive(from: broker, ["topic/a", "topic/*"]) {
            let controller = Controller(broker)
            try controller.run { container, connection in
                let sender = try container.createSender(connection, "topic/a")
                try controller.declare { id in
                    try controller.send("a", over: sender, in: id) { _ in
                        try controller.discharge(id, fails: fails) { _ in controller.script.finish() }
                    }
                }
            }
        }
        #expect(texts == (fails ? [[], []] : [["a"], ["a"]]))
    }

    @Test func aSubscriptionTakesNoQueueAway() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", to: "subscriber/mine")
        let error = #expect(throws: ProtonError.self) { try subscribe(to: broker, "topic/a") { $0.detach() } }
        #expect(error?.message.contains("amqp:not-allowed") == true)
        #expect(try broker.takeAll(from: "subscriber/mine") == ["a"])
    }

    @Test func aDurableSubscriptionOutlivesItsLink() async throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try subscribe(to: broker, "topic/a") { $0.detach() }
        try broker.send("one", "two", to: "topic/a")
        #expect(broker.status.queue("subscriber/mine")?.waiting == 2)
        var texts: [String] = []
        try subscribe(
            to: broker, "topic/a", message: { texts.append($0) }, act: { if texts.count == 2 { $0.detach() } })
        #expect(texts == ["one", "two"])
        try broker.send("three", to: "topic/a")
        // Another address under the same name is another subscription.
        try subscribe(to: broker, "topic/b") { $0.detach() }
        #expect(broker.status.queue("subscriber/mine")?.waiting == 0)
        try subscribe(to: broker, "topic/b") { $0.close() }
        try await broker.wait { $0.queues.isEmpty }
    }

    @Test func aSlowSubscriberLosesTheOldestMessages() throws {
        var options = BrokerOptions()
        options.queueLimits.messages = 3
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let script = Script(broker, autoAccepts: true)
        var texts: [String] = []
        script.linkOpened = { link in
            try broker.send("1", "2", "3", "4", "5", to: "topic/a")
            try (link as? Receiver)?.flow(10)
        }
        script.message = { event in
            texts.append(event.message.text)
            if texts.count == 3 { script.finish() }
        }
        try script.run { try $0.createReceiver($1, "topic/a") }
        #expect(texts == ["3", "4", "5"])
    }

    @Test func aDurableSubscriptionThatIsFullIsTheirsToHearWhoPublish() throws {
        var options = BrokerOptions()
        options.queueLimits.messages = 2
        options.subscriptionPolicy = .reject
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        try subscribe(to: broker, "topic/a") { $0.detach() }
        try broker.send("1", "2", to: "topic/a")
        let error = #expect(throws: ProtonError.self) { try broker.send("3", to: "topic/a") }
        #expect(error?.message.contains("resource-limit-exceeded") == true)
        #expect(broker.status.queue("subscriber/mine")?.waiting == 2)
    }

    @Test func aForgottenSubscriptionLosesItsOldestMessagesAndHoldsUpNobody() throws {
        var options = BrokerOptions()
        options.queueLimits.messages = 2
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        try subscribe(to: broker, "topic/a") { $0.detach() }
        try broker.send("1", "2", "3", "4", to: "topic/a")
        #expect(broker.status.queue("subscriber/mine")?.waiting == 2)
        #expect(broker.status.queue("subscriber/mine")?.removed == 2)
    }

    // MARK: Subscribers

    /// What subscribers get of what `publish` sends, each as texts, until nothing more comes.
    private func receive(
        from broker: Broker, _ addresses: [String], options: [LinkOption] = [], _ publish: @escaping () throws -> Void
    ) throws -> [[String]] {
        let script = Script(broker, autoAccepts: true)
        var receivers: [Receiver] = []
        var texts = addresses.map { _ in [String]() }
        var (opened, drained) = (0, 0)
        script.linkOpened = { _ in
            opened += 1
            guard opened == addresses.count else { return }
            try publish()
            for receiver in receivers { try receiver.drain(100) }
        }
        script.message = { event in
            if let index = receivers.firstIndex(where: { $0 === event.receiver }) {
                texts[index].append(event.message.text)
            }
        }
        script.flow = { link in
            guard let receiver = link as? Receiver, opened == addresses.count, !receiver.isDraining else { return }
            drained += 1
            if drained == addresses.count { script.finish() }
        }
        try script.run { container, connection in
            receivers = try addresses.map { address in
                let receiver = try connection.session().makeReceiver(name: "\(receivers.count) \(AMQPUUID.random())")
                receiver.source.address = address
                for option in options { option.apply(to: receiver) }
                receiver.open()
                return receiver
            }
        }
        return texts
    }

    /// Attaches to a durable subscription by the name of `mine`, and calls `act` once it is there and after each message.
    private func subscribe(
        to broker: Broker, _ address: String, message: @escaping (String) -> Void = { _ in },
        act: @escaping (Link) -> Void
    ) throws {
        let script = Script(broker, prefetch: 10, autoAccepts: true)
        script.linkOpened = { act($0) }
        script.message = { event in
            message(event.message.text)
            act(event.receiver)
        }
        script.linkClosed = { _ in script.finish() }
        script.linkDetached = { _ in script.finish() }
        try script.run(containerID: "subscriber") {
            try $0.createReceiver($1, address, name: "mine", options: .durableSubscription)
        }
    }
}

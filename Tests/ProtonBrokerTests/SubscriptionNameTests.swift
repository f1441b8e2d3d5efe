// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import Testing

@testable import ProtonBroker

/// What durable subscriptions are called: each subscriber's link has a node of its own.
struct SubscriptionNameTests {
    @Test(
        arguments: [
            ("subscriber", "mine", "subscriber/mine"), ("a/b", "c", "a%2Fb/c"), ("a", "b/c", "a/b/c"),
            ("a%2Fb", "c", "a%252Fb/c"), ("", "/", "//"), ("/", "", "%2F/"), ("", "a", "/a"), ("100%", "a", "100%25/a"),
            ("größe", "名", "größe/名"),
        ])
    func namesAreReadable(containerID: String, linkName: String, address: String) {
        #expect(SubscriptionName(containerID: containerID, linkName: linkName).address == address)
    }

    @Test func noTwoNamesAreTheSame() {
        let parts = ["", "a", "/", "%", "2F", "%2F", "%25", "a/", "/a", "%/", "/%2F", "25"]
        let addresses = parts.flatMap { id in
            parts.map { SubscriptionName(containerID: id, linkName: $0).address }
        }
        #expect(Set(addresses).count == parts.count * parts.count)
    }

    @Test func subscribersWhoseNamesJoinToTheSameAreApart() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try subscribe(broker, "a/b", "c", to: "topic/1")
        try subscribe(broker, "a", "b/c", to: "topic/2")
        try broker.send("one", to: "topic/1")
        try broker.send("two", to: "topic/2")
        #expect(broker.status.queues.map(\.address) == ["a%2Fb/c", "a/b/c"])
        #expect(try subscribe(broker, "a/b", "c", to: "topic/1", count: 1) == ["one"])
        #expect(try subscribe(broker, "a", "b/c", to: "topic/2", count: 1) == ["two"])
    }

    @Test func whatIsKeptIsFoundByItsNameOnly() throws {
        let store = MemoryStore()
        var options = BrokerOptions()
        options.store = store
        var broker = try Broker.start(options: options)
        try subscribe(broker, "a", "b/c", to: "topic/a")
        try broker.send([Message(body: "kept", isDurable: true)], to: "topic/a")
        broker.stop()
        options.store = MemoryStore(store.contents)
        broker = try Broker.start(options: options)
        defer { broker.stop() }
        try subscribe(broker, "a/b", "c", to: "topic/a")
        #expect(broker.status.queue("a%2Fb/c")?.waiting == 0)
        #expect(try subscribe(broker, "a", "b/c", to: "topic/a", count: 1) == ["kept"])
    }

    @Test func aQueueIsNotDeclaredByTheNameOfASubscription() throws {
        var options = BrokerOptions()
        let details = try AMQPValue.list([.string("topic/a"), .null]).encoded()
        options.store = MemoryStore([.queue(StoredQueue(id: 1, address: "me/s", details: details))])
        options.queues = [QueueDeclaration("me/s")]
        let error = #expect(throws: ProtonError.self) { _ = try Broker("127.0.0.1:0", options: options) }
        #expect(error?.message.contains("me/s is a durable subscription") == true)
    }

    @Test func nobodyElseAttachesToASubscriptionByItsName() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try subscribe(broker, "me", "s", to: "topic/a")
        let script = Script(broker)
        var refusals: [Symbol?] = []
        func note(_ condition: Condition?) {
            refusals.append(condition?.name)
            if refusals.count == 3 { script.finish() }
        }
        script.linkError = { _, condition in note(condition) }
        script.sendable = { relay in
            if relay.target.address == nil, relay.unsettledCount == 0 {
                try relay.send(Message(body: "x", address: "me/s"))
            }
        }
        script.outcome = { _, outcome in if case .rejected(let condition)? = outcome { note(condition) } }
        try script.run {
            try $0.createReceiver($1, "me/s")
            try $0.createSender($1, "me/s")
            try $0.createSender($1, nil)
        }
        #expect(refusals == [.notAllowed, .notAllowed, .notAllowed])
        try broker.send("a", to: "topic/a")
        #expect(try subscribe(broker, "me", "s", to: "topic/a", count: 1) == ["a"])
    }

    /// Attaches to a durable subscription, takes so many messages, and detaches.
    @discardableResult
    private func subscribe(
        _ broker: Broker, _ containerID: String, _ linkName: String, to address: String, count: Int = 0
    ) throws -> [String] {
        let script = Script(broker, prefetch: 10, autoAccepts: true)
        var texts: [String] = []
        script.linkOpened = { if count == 0 { $0.detach() } }
        script.message = { event in
            texts.append(event.message.text)
            if texts.count == count { event.receiver.detach() }
        }
        script.linkDetached = { _ in script.finish() }
        try script.run(containerID: containerID) {
            try $0.createReceiver($1, address, name: linkName, options: .durableSubscription)
        }
        return texts
    }
}

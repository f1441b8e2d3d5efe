// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonTesting
import ProtonUtilities
import Testing

@testable import ProtonBroker

/// Peers that log in, and what is theirs.
struct UserTests {
    /// What a client's attempt to send a message ends with; nil where the message is accepted.
    private func failure(_ url: String, to address: String = "q") throws -> ProtonError? {
        let script = Script(url)
        var isSent = false
        script.sendable = { sender in
            guard sender.credit > 0, !exchange(&isSent, with: true) else { return }
            try sender.send(Message(body: "a"))
        }
        script.outcome = { _, _ in script.finish() }
        do {
            try script.run { try $0.createSender($1, address) }
            return nil
        } catch let error as ProtonError {
            return error
        }
    }

    @Test func whoLogsInIsServed() async throws {
        let broker = try Broker.startWithUsers(rules: "allow alice * inbox/${user}")
        defer { broker.stop() }
        #expect(try failure(broker.url("alice"), to: "inbox/alice") == nil)
        let refused = try failure(broker.url("alice"), to: "inbox/bob")
        #expect(refused?.message.contains("alice may not send to inbox/bob.") == true)
        #expect(try failure(broker.url("bob"), to: "inbox/bob")?.message.contains("bob may not send") == true)
        let script = Script(broker.url("alice"))
        script.linkOpened = { _ in
            #expect(broker.status.connections.map(\.user) == ["alice"])
            script.finish()
        }
        try script.run { try $0.createReceiver($1, "inbox/alice") }
    }

    @Test(arguments: [("alice", "wrong"), ("", ""), ("anonymous", "suomynona"), ("a\u{1b}[2J", "x")])
    func whoFailsIsNot(user: String, password: String) throws {
        let broker = try Broker.startWithUsers()
        defer { broker.stop() }
        let escaped = user.replacing("\u{1b}", with: "%1B")
        let error = try failure("amqp://\(escaped):\(password)@\(broker.address)")
        #expect(error?.code == .authenticationFailed, "\(error as Any)")
        #expect(broker.status.queues.isEmpty)
    }

    @Test func onceThereAreUsersNobodyIsAnonymous() throws {
        let log = LogLines()
        let broker = try Broker.startWithUsers(log: log)
        defer { broker.stop() }
        #expect(try failure(broker.address)?.code == .authenticationFailed)
        // Nor does it help to leave SASL out.
        let peer = try ScriptedPeer(connectingTo: broker.port)
        try peer.send(.amqpHeader, .open(), .begin(), .attach(sendingTo: "q"))
        #expect(try !peer.receiveAll().contains { $0.kind == .attach })
        #expect(broker.status.queues.isEmpty)
        #expect(log.lines.contains { $0.hasPrefix("info a peer did not log in: ") && $0.contains(" peer=127.0.0.1:") })
    }

    @Test func unlessTheOptionsSaySo() throws {
        let broker = try Broker.startWithUsers(rules: "allow anonymous send q\nallow anonymous create q") {
            $0.anonymous = .onLoopback
        }
        defer { broker.stop() }
        #expect(try failure(broker.address) == nil)
        #expect(try failure(broker.address, to: "p")?.message.contains("anonymous may not send to p.") == true)
    }

    @Test func aUserHasSoManyConnections() throws {
        let broker = try Broker.startWithUsers { $0.peerLimits.connectionsPerUser = 1 }
        defer { broker.stop() }
        let script = Script(broker.url("alice"))
        script.linkOpened = { _ in
            let error = try failure(broker.url("alice"))
            #expect(
                error?.condition?.name == .resourceLimitExceeded && error?.message.contains("Your user has 1") == true)
            #expect(try failure(broker.url("bob")) == nil)
            script.finish()
        }
        try script.run { try $0.createReceiver($1, "q") }
        #expect(try failure(broker.url("alice")) == nil)
    }

    @Test func failuresAreInTheLogOnce() throws {
        let log = LogLines()
        let broker = try Broker.startWithUsers(log: log)
        defer { broker.stop() }
        for _ in 0..<4 { #expect(try failure(broker.url("alice", password: "wrong")) != nil) }
        let lines = log.lines.filter { $0.hasPrefix("warning") || $0.hasPrefix("info") }
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("warning refused a log-in: 'alice': wrong user or password (PLAIN)") == true)
    }

    // MARK: What is a user's own

    @Test func aSubscriptionIsItsUsers() async throws {
        let broker = try Broker.startWithUsers(rules: "allow * send,receive,create topic/#")
        defer { broker.stop() }
        try broker.subscribe(as: "alice")
        for address in ["topic/a", "topic/b"] {
            let error = #expect(throws: ProtonError.self) { try broker.subscribe(as: "bob", to: address) }
            #expect(error?.message.contains("bob may not use the subscription id/link.") == true)
        }
        // Nor does who is not its owner hear whether it is there, or end it.
        for (id, user) in [("id", "bob"), ("other", "alice")] {
            let error = #expect(throws: ProtonError.self) { try endSubscription(broker, as: user, id: id) }
            #expect(error?.message.contains("\(id) has no subscription link") == true)
        }
        #expect(broker.status.queues.map(\.address) == ["id/link"])
        #expect(try failure(broker.url("bob"), to: "topic/a") == nil)
        #expect(try broker.subscribe(as: "alice", count: 1) == ["a"])
        try endSubscription(broker, as: "alice", id: "id")
        #expect(broker.status.queues.isEmpty)
        try broker.subscribe(as: "bob")
    }

    /// Attaches to a subscription by its name alone, and closes it.
    private func endSubscription(_ broker: Broker, as user: String, id: String) throws {
        let script = Script(broker.url(user))
        script.linkOpened = { if $0.remoteSource.address != nil { $0.close() } }
        script.linkClosed = { _ in script.finish() }
        try script.run(containerID: id) {
            let receiver = try $1.session().makeReceiver(name: "link")
            receiver.source.kind = .unspecified
            receiver.open()
            _ = $0
        }
    }

    @Test func whoManagesMayEndIt() throws {
        let broker = try Broker.startWithUsers(
            rules: "allow alice receive,create topic/a\nallow root receive,manage topic/#")
        defer { broker.stop() }
        try broker.subscribe(as: "alice")
        try endSubscription(broker, as: "root", id: "id")
        #expect(broker.status.queues.isEmpty)
        // It makes none.
        let error = #expect(throws: ProtonError.self) { try broker.subscribe(as: "root") }
        #expect(error?.message.contains("root may not make a durable subscription to topic/a.") == true)
    }

    @Test(arguments: [nil, "alice"] as [String?]) func ownersAreStored(user: String?) throws {
        let store = MemoryStore()
        func start(_ store: MemoryStore) throws -> Broker {
            try Broker.startWithUsers {
                $0.anonymous = .onLoopback
                $0.store = store
            }
        }
        var broker = try start(store)
        // Nobody's, it is the first user's who comes.
        try broker.subscribe(as: user)
        try broker.subscribe(as: "alice")
        #expect(throws: ProtonError.self) { try broker.subscribe(as: "bob") }
        #expect(throws: ProtonError.self) { try broker.subscribe(as: nil) }
        #expect(try failure(broker.url("bob"), to: "topic/a") == nil)
        broker.stop()
        broker = try start(MemoryStore(store.contents))
        defer { broker.stop() }
        #expect(throws: ProtonError.self) { try broker.subscribe(as: "bob") }
        try broker.subscribe(as: "alice")
        #expect(broker.status.queues.map(\.address) == ["id/link"])
    }

    @Test func whatOlderBrokersStoredBelongsToWhoComes() throws {
        let details = try AMQPValue.list([.string("topic/a"), .null]).encoded()
        let store = MemoryStore([.queue(StoredQueue(id: 1, address: "id/link", details: details))])
        let broker = try Broker.startWithUsers { $0.store = store }
        defer { broker.stop() }
        try broker.subscribe(as: "bob")
        #expect(throws: ProtonError.self) { try broker.subscribe(as: "alice") }
        let owned = try AMQPValue.list([.string("topic/a"), .null, .string("bob")]).encoded()
        #expect(store.changes == [.makeQueue(StoredQueue(id: 1, address: "id/link", details: owned))])
    }

    @Test func usersStealNoLinksFromEachOther() throws {
        let broker = try Broker.startWithUsers()
        defer { broker.stop() }
        let (alice, bob) = (Script(broker.url("alice")), Script(broker.url("bob")))
        alice.linkOpened = { _ in
            bob.linkOpened = { _ in
                #expect(broker.status.queue("q")?.consumers == 2)
                bob.finish()
            }
            try bob.run(containerID: "id") { try $0.createReceiver($1, "q", name: "link") }
            alice.finish()
        }
        try alice.run(containerID: "id") { try $0.createReceiver($1, "q", name: "link") }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Logging
import Proton
import ProtonBroker
import ProtonTesting
import Testing

/// Messages that cannot be delivered: where they go, what is said of them, and when.
struct DeadLetterTests {
    /// Takes the first message of a queue, and gives it an outcome.
    private func take(_ broker: Broker, from address: String = "q", _ outcome: Outcome) throws {
        let script = Script(broker)
        script.message = { event in
            event.delivery.settle(.outcome(outcome))
            script.finish()
        }
        try script.run { try $0.createReceiver($1, address).flow(1) }
    }

    private func broker(_ change: (inout BrokerOptions) -> Void, clock: TestClock? = nil) throws -> Broker {
        var options = BrokerOptions()
        options.deadLetterAddress = "dead"
        change(&options)
        return try Broker.start(options: options, clock: clock)
    }

    @Test func aRejectedMessageSaysWhereItComesFromAndWhy() throws {
        let broker = try broker { _ in }
        defer { broker.stop() }
        let message = Message(
            body: "a", annotations: ["x-opt-mine": 1], timeToLive: .seconds(60), deliveryCount: 2)
        try broker.send([message], to: "q")
        try take(broker, .modified(deliveryFailed: true, annotations: ["x-opt-added": 2]))
        try take(broker, .rejected(Condition("my:reason", "It is no good.")))
        let dead = try #require(try broker.receive(1, from: "dead").first)
        #expect(dead.text == "a")
        #expect(dead.deliveryCount == 3)
        #expect(dead.timeToLive == nil)
        let annotations = dead.annotations
        #expect(annotations["x-opt-deadletter-source"] == "q")
        #expect(annotations["x-first-death-queue"] == "q" && annotations["x-last-death-queue"] == "q")
        #expect(annotations["x-first-death-reason"] == "rejected" && annotations["x-last-death-reason"] == "rejected")
        #expect(annotations["x-opt-deadletter-description"] == "my:reason: It is no good.")
        #expect(annotations["x-opt-mine"] == 1 && annotations["x-opt-added"] == 2)
    }

    @Test func aMessageWhoseDeliveriesFailGoesThere() throws {
        let broker = try broker { $0.redelivery = RedeliveryPolicy(maxDeliveries: 2) }
        defer { broker.stop() }
        try broker.send("a", "b", to: "q")
        try take(broker, .failed)
        try take(broker, .failed)
        let dead = try #require(try broker.receive(1, from: "dead").first)
        #expect(dead.deliveryCount == 2)
        #expect(dead.annotations["x-first-death-reason"] == "delivery_limit")
        #expect(dead.annotations["x-opt-deadletter-description"] == "Its delivery failed 2 times.")
        #expect(try broker.takeAll(from: "q") == ["b"])
    }

    @Test(arguments: [false, true]) func anExpiredMessageGoesThereWhereThatIsWanted(isWanted: Bool) async throws {
        let clock = TestClock()
        let broker = try broker({ $0.deadLettersExpired = isWanted }, clock: clock)
        defer { broker.stop() }
        try broker.send([Message(body: "a", timeToLive: .seconds(1))], to: "q")
        clock.advance(by: .seconds(2))
        try await broker.wait { $0.queue("q") == nil }
        guard isWanted else { return #expect(broker.status.queues.isEmpty) }
        let dead = try #require(try broker.receive(1, from: "dead").first)
        #expect(dead.annotations["x-first-death-reason"] == "expired")
        #expect(dead.timeToLive == nil)
    }

    @Test func whatDiesTwiceTellsOfBoth() throws {
        let broker = try broker {
            $0.queues = [
                QueueDeclaration("first", deadLetterAddress: "second"), QueueDeclaration("second"),
            ]
        }
        defer { broker.stop() }
        try broker.send("a", to: "first")
        try take(broker, from: "first", .rejected)
        try take(broker, from: "second", .rejected)
        let dead = try #require(try broker.receive(1, from: "dead").first)
        #expect(dead.annotations["x-first-death-queue"] == "first")
        #expect(dead.annotations["x-last-death-queue"] == "second")
        #expect(dead.annotations["x-opt-deadletter-source"] == "second")
    }

    // MARK: Addresses

    @Test func aPatternGivesEachQueueItsOwn() throws {
        let broker = try broker { $0.deadLetterAddress = "dead/*" }
        defer { broker.stop() }
        try broker.send("a", to: "q")
        try broker.send("b", to: "r")
        try take(broker, .rejected)
        try take(broker, from: "r", .rejected)
        // Those of a queue of dead letters end there.
        try broker.send("c", to: "dead/q")
        try take(broker, from: "dead/q", .rejected)
        #expect(try broker.takeAll(from: "dead/q") == ["c"])
        #expect(try broker.takeAll(from: "dead/r") == ["b"])
        #expect(broker.status.queues.isEmpty)
    }

    @Test func aQueueMayHaveItsOwnAddress() throws {
        let broker = try broker { $0.queues = [QueueDeclaration("q", deadLetterAddress: "own/*")] }
        defer { broker.stop() }
        try broker.send("a", to: "q")
        try broker.send("b", to: "r")
        try take(broker, .rejected)
        try take(broker, from: "r", .rejected)
        #expect(try broker.takeAll(from: "own/q") == ["a"])
        #expect(try broker.takeAll(from: "dead") == ["b"])
    }

    @Test(arguments: ["", "*", "*/*"]) func addressesThatMakeNoSenseAreRefused(address: String) {
        let error = #expect(throws: ProtonError.self) {
            try broker { $0.deadLetterAddress = address }.stop()
        }
        #expect(error?.message.contains("deadLetterAddress") == true)
    }

    // MARK: The store and limits

    @Test func itLeavesItsQueueInTheGroupThatBringsItIntoTheOther() throws {
        let store = MemoryStore()
        let broker = try broker { $0.store = store }
        defer { broker.stop() }
        try broker.send([Message(body: "a", isDurable: true)], to: "q")
        let written = store.groups.count
        try take(broker, .rejected)
        #expect(broker.status.queue("dead")?.waiting == 1)
        let moves = store.groups[written...].filter { group in
            group.contains { if case .add = $0 { true } else { false } }
        }
        let move = try #require(moves.first)
        #expect(moves.count == 1)
        #expect(move.contains { if case .remove = $0 { true } else { false } })
        let removals = store.changes.count { if case .remove = $0 { true } else { false } }
        #expect(removals == 1)
    }

    @Test(arguments: [Outcome.rejected, .failed]) func itIsSettledOnceTheMoveIsOnDisk(outcome: Outcome) throws {
        let store = MemoryStore { $0 == 1 }
        let broker = try broker {
            $0.store = store
            $0.redelivery.maxDeliveries = 1
        }
        defer { broker.stop() }
        try broker.send([Message(body: "a", isDurable: true)], to: "q")
        let peer = try FramePeer(broker)
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 1))
        let id = try peer.wait(.transfer).deliveryID
        try peer.send(.disposition(.outcome(outcome), id, ["settled": false]))
        try peer.sync()
        #expect(!peer.hasUnread(.disposition))
        store.writeAll()
        let settled = try peer.wait(.disposition)
        #expect(settled["settled"] == true && settled.state == .outcome(outcome))
        #expect(try broker.receive(1, from: "dead").map(\.text) == ["a"])
    }

    @Test func aDeadLetterThatIsNotTakenIsLoggedAndRemovedOnce() throws {
        let log = LogLines()
        let store = MemoryStore()
        let broker = try broker {
            $0.store = store
            $0.logger = Logger(label: "test") { _ in log }
            $0.queues = [QueueDeclaration("dead", limits: QueueLimits(messages: 1, policy: .reject))]
        }
        defer { broker.stop() }
        try broker.send("first", to: "dead")
        try broker.send([Message(body: "a", isDurable: true)], to: "q")
        try take(broker, .rejected)
        #expect(try broker.takeAll(from: "q").isEmpty)
        #expect(log.lines.contains { $0.contains("dropped a message that was rejected: The queue is full") })
        #expect(try broker.takeAll(from: "dead") == ["first"])
        let removals = store.changes.count { if case .remove = $0 { true } else { false } }
        #expect(removals == 1)
    }

    @Test func withoutAnAddressItIsDroppedAndLogged() throws {
        let log = LogLines()
        let broker = try broker {
            $0.deadLetterAddress = nil
            $0.logger = Logger(label: "test") { _ in log }
        }
        defer { broker.stop() }
        try broker.send("a", to: "q")
        try take(broker, .rejected)
        #expect(try broker.takeAll(from: "q").isEmpty)
        #expect(log.lines.contains { $0.contains("dropped a message that was rejected") && $0.contains("address=q") })
    }
}

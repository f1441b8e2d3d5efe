// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonBroker
import ProtonTesting
import Testing

/// Transactions as frames: when they take effect, and what is said of messages meanwhile (AMQP 1.0, 4.4).
struct CommitTests {
    private func durable(_ text: String) -> Message { Message(body: text, isDurable: true) }

    @Test func aCommitIsAnsweredAndDeliveredOnceItIsOnDisk() throws {
        let store = MemoryStore { _ in false }
        var options = BrokerOptions()
        options.store = store
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let (sender, consumer) = (try FramePeer(broker, id: "sender"), try FramePeer(broker, id: "consumer"))
        try consumer.attach(.attach(receivingFrom: "q"))
        try consumer.send(.flow(credit: 10))
        try sender.attachCoordinator()
        try sender.attach(.attach(sendingTo: "q"))
        let id = try sender.declare(0)
        try sender.send(.transfer(1, durable("a"), ["state": .state(.transactional(id: id))]))
        #expect(try sender.waitOutcome(1).state == .transactional(id: id, outcome: .accepted))
        try sender.discharge(2, id)
        try sender.sync()
        try consumer.sync()
        #expect(!sender.hasUnread(.disposition) && !consumer.hasUnread(.transfer))
        #expect(store.groups.count == 1)
        store.writeAll()
        #expect(try sender.waitOutcome(2).state == .accepted)
        #expect(try consumer.wait(.transfer).text == "a")
    }

    /// Outcomes that are written when they take effect are on disk as well by the answer.
    @Test(arguments: [Outcome.rejected, .failed, .modified(annotations: ["x-opt-a": 1])], [nil, "dead"])
    func otherOutcomesAreOnDiskByTheAnswerToo(outcome: Outcome, deadLetterAddress: String?) throws {
        let store = MemoryStore { $0 == 1 }
        var options = BrokerOptions()
        options.store = store
        options.deadLetterAddress = deadLetterAddress
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        try broker.send([durable("a")], to: "q")
        let peer = try FramePeer(broker)
        try peer.attachCoordinator()
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 1))
        let delivery = try peer.wait(.transfer).deliveryID
        let id = try peer.declare(0)
        try peer.send(.disposition(.transactional(id: id, outcome: outcome), delivery, ["settled": false]))
        try peer.discharge(1, id)
        try peer.sync()
        #expect(!peer.hasUnread(.disposition))
        #expect(store.groups.count == 2)
        store.writeAll()
        #expect(try peer.waitOutcome(1).state == .accepted)
    }

    /// A transaction that has nothing for the store does not wait for it.
    @Test func aCommitOfTransientMessagesDoesNotWait() throws {
        var options = BrokerOptions()
        options.store = MemoryStore { _ in false }
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attachCoordinator()
        try peer.attach(.attach(sendingTo: "q"))
        let id = try peer.declare(0)
        try peer.send(.transfer(1, Message(body: "a"), ["state": .state(.transactional(id: id))]))
        try peer.discharge(2, id)
        #expect(try peer.waitOutcome(2).state == .accepted)
        #expect(try broker.takeAll(from: "q") == ["a"])
    }

    @Test func aRollbackLeavesUnsettledMessagesAcquiredAndReturnsSettledOnes() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("kept", "settled", to: "q")
        let peer = try FramePeer(broker)
        try peer.attachCoordinator()
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 2))
        let (kept, settled) = (try peer.wait(.transfer), try peer.wait(.transfer))
        let id = try peer.declare(0)
        let state = DeliveryState.transactional(id: id, outcome: .accepted)
        try peer.send(
            .disposition(state, kept.deliveryID, ["settled": false]), .disposition(state, settled.deliveryID))
        try peer.discharge(1, id, fails: true)
        #expect(try peer.waitOutcome(1).state == .accepted)
        // The first is the peer's as before: nobody else gets it, and it has no outcome yet.
        #expect(!peer.hasUnread(.disposition) { $0["role"] == false })
        #expect(broker.status.queue("q")?.unsettled == 1)
        let rest = try broker.receive(1, from: "q")
        #expect(rest.map(\.text) == ["settled"] && rest.map(\.deliveryCount) == [1])
        #expect(rest.first?.isFirstAcquirer == false)
        // It can be accepted without a transaction.
        try peer.send(.disposition(.accepted, kept.deliveryID))
        try peer.sync()
        #expect(broker.status.queue("q")?.unsettled == 0)
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    @Test func aMessageThatWasRolledBackMayHaveItsOutcomeInAnotherTransaction() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", to: "q")
        let peer = try FramePeer(broker)
        try peer.attachCoordinator()
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 1))
        let delivery = try peer.wait(.transfer).deliveryID
        let first = try peer.declare(0)
        try peer.send(.disposition(.transactional(id: first, outcome: .accepted), delivery, ["settled": false]))
        try peer.discharge(1, first, fails: true)
        try peer.waitOutcome(1)
        let second = try peer.declare(2)
        try peer.send(.disposition(.transactional(id: second, outcome: .accepted), delivery, ["settled": false]))
        try peer.discharge(3, second)
        #expect(try peer.waitOutcome(3).state == .accepted)
        let settled = try peer.wait(.disposition) { $0["role"] == false }
        #expect(settled["settled"] == true && settled.state == .accepted)
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    /// The outcome of a message in one transaction is not another one's.
    @Test func twoTransactionsCannotHaveTheSameMessage() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", to: "q")
        let peer = try FramePeer(broker)
        try peer.attachCoordinator()
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 1))
        let delivery = try peer.wait(.transfer).deliveryID
        let (first, second) = (try peer.declare(0), try peer.declare(1))
        try peer.send(.disposition(.transactional(id: first, outcome: .accepted), delivery, ["settled": false]))
        try peer.sync()
        try peer.send(.disposition(.transactional(id: second, outcome: .released), delivery, ["settled": false]))
        #expect(try peer.wait(.detach).condition?.name == .illegalState)
        try peer.discharge(2, first)
        #expect(try peer.waitOutcome(2).state == .accepted)
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    /// An outcome without a transaction does not take a message out of the one that it is in, and what comes after it is not
    /// taken for it.
    @Test(arguments: [Outcome.accepted, .released], [false, true])
    func whatIsInATransactionHasNoOtherOutcome(outcome: Outcome, settled: Bool) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", "b", to: "q")
        let peer = try FramePeer(broker)
        try peer.attachCoordinator()
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 1))
        let delivery = try peer.wait(.transfer).deliveryID
        let id = try peer.declare(0)
        try peer.send(.disposition(.transactional(id: id, outcome: .accepted), delivery, ["settled": false]))
        try peer.sync()
        try peer.send(.disposition(.outcome(outcome), delivery, ["settled": .boolean(settled)]))
        #expect(try peer.wait(.detach).condition?.name == .illegalState)
        #expect(try broker.takeAll(from: "q") == ["b"])
        try peer.discharge(1, id, fails: true)
        #expect(try peer.waitOutcome(1).state == .accepted)
        #expect(try broker.takeAll(from: "q") == ["a"])
    }

    /// A consumer may settle later what it has put into a transaction, and change its mind within it.
    @Test(arguments: [false, true]) func theSameTransactionMayHaveItAgain(fails: Bool) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", "b", to: "q")
        let peer = try FramePeer(broker)
        try peer.attachCoordinator()
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 2))
        let deliveries = try (0..<2).map { _ in try peer.wait(.transfer).deliveryID }
        let id = try peer.declare(0)
        for delivery in deliveries {
            try peer.send(.disposition(.transactional(id: id, outcome: .released), delivery, ["settled": false]))
        }
        try peer.sync()
        try peer.send(
            .disposition(.transactional(id: id, outcome: .accepted), deliveries[0]),
            .disposition(.transactional(id: id, outcome: .accepted), deliveries[1], ["settled": false]))
        try peer.discharge(1, id, fails: fails)
        #expect(try peer.waitOutcome(1).state == .accepted)
        #expect(!peer.hasUnread(.detach))
        // The first is settled: it comes back. The second is the consumer's as before.
        #expect(try broker.takeAll(from: "q") == (fails ? ["a"] : []))
        #expect(broker.status.messages == (fails ? 1 : 0))
    }

    /// What a broken link had in a transaction still happens when that commits.
    @Test(arguments: [false, true]) func aTransactionOutlivesTheLinkOfItsMessages(fails: Bool) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", to: "q")
        let peer = try FramePeer(broker)
        try peer.attachCoordinator()
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 1))
        let delivery = try peer.wait(.transfer).deliveryID
        let id = try peer.declare(0)
        try peer.send(.disposition(.transactional(id: id, outcome: .accepted), delivery, ["settled": false]))
        try peer.send(.detach())
        try peer.wait(.detach)
        // Nobody else gets it meanwhile.
        #expect(try broker.takeAll(from: "q").isEmpty)
        try peer.discharge(1, id, fails: fails)
        #expect(try peer.waitOutcome(1).state == .accepted)
        #expect(try broker.takeAll(from: "q") == (fails ? ["a"] : []))
    }

    @Test func statesInATransactionNameIt() throws {
        var options = BrokerOptions()
        options.queues = [QueueDeclaration("full", limits: QueueLimits(messages: 1, policy: .reject))]
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        try broker.send("a", to: "full")
        let peer = try FramePeer(broker)
        try peer.attachCoordinator()
        try peer.attach(.attach(sendingTo: "full"))
        let id = try peer.declare(0)
        try peer.send(.transfer(1, Message(body: "b"), ["state": .state(.transactional(id: id))]))
        guard case .transactional(id, .rejected(let condition?)?)? = try peer.waitOutcome(1).state else {
            throw ProtonError(.linkError, "The state names no transaction.")
        }
        #expect(condition.name == .resourceLimitExceeded)
        try peer.discharge(2, id)
        guard case .outcome(.rejected(let end?))? = try peer.waitOutcome(2).state else {
            throw ProtonError(.linkError, "The transaction is committed.")
        }
        #expect(end.name == "amqp:transaction:rollback")
        #expect(try broker.takeAll(from: "full") == ["a"])
    }
}

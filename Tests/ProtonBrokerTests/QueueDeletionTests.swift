// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What still has to do with a queue that is deleted: nothing is kept, and the store is told nothing more.
struct QueueDeletionTests {
    private static let durable = Message(body: "a", isDurable: true)

    private func deleted() -> QueueHarness {
        var queue = QueueHarness { $0.isDurable = true }
        queue.change { $0.delete(&$1) }
        return queue
    }

    @Test func whatComesTooLateIsNotTaken() throws {
        let bytes = try Self.durable.encoded()
        var queue = QueueHarness { $0.isDurable = true }
        let refusals = (0..<3).map { _ in queue.change { $0.reserve(bytes, from: nil, &$1) }.refusal }
        #expect(refusals == [nil, nil, nil])
        let prepared = queue.change { $0.prepare(bytes, &$1) }
        queue.changes = []
        queue.change { $0.delete(&$1) }
        #expect(queue.changes == [.removeQueue(id: 0)])
        queue.change { $0.insertPrepared(prepared, &$1) }
        queue.change { $0.receiveReserved(bytes, &$1) }
        queue.change { $0.unreserve(bytes, &$1) }
        queue.change { $0.store(&$1) }
        #expect(queue.put(bytes) == .deleted)
        #expect(queue.change { $0.receiveDeadLetter(bytes, removal: nil, &$1) } == .deleted)
        #expect(queue.changes == [.removeQueue(id: 0)])
        #expect(queue.state.heldMessages == 0 && queue.state.heldBytes == 0 && queue.state.waitingCount == 0)
    }

    @Test(
        arguments: [
            .accepted, .released, .rejected(nil), .modified(deliveryFailed: true),
            .modified(deliveryFailed: false, annotations: ["x-opt-a": 1]),
        ] as [Outcome])
    func whatConsumersHaveEndsWithTheirOutcome(outcome: Outcome) throws {
        var queue = QueueHarness {
            $0.isDurable = true
            $0.deadLetterAddress = "dead"
            $0.redelivery = RedeliveryPolicy(delay: .seconds(1))
        }
        for _ in 0..<6 { try queue.put(Self.durable) }
        try queue.put(Message(body: "later", annotations: ["x-opt-delivery-delay": 5]))
        let consumer = queue.join(credit: 5)
        var sent = queue.send()
        queue.setCredit(1, of: consumer)
        queue.changes = []
        queue.change { $0.delete(&$1) }
        queue.settle(sent.removeFirst(), outcome)
        let slot = try #require(sent.first?.slot)
        #expect(queue.state.change(for: slot, of: consumer, .accepted) == nil)
        queue.leave(consumer, outcome)
        queue.pass(2_000)
        #expect(queue.changes == [.removeQueue(id: 0)] && queue.deadLetters.isEmpty)
        #expect(queue.state.heldMessages == 0 && queue.state.heldBytes == 0 && queue.state.waitingCount == 0)
        #expect(queue.state.arrivals == queue.state.departures)
    }

    @Test func aQueueThatTheStoreDoesNotKnowIsNotRemovedThere() {
        var queue = deleted()
        #expect(queue.changes.isEmpty)
        queue.change { $0.delete(&$1) }
        #expect(queue.changes.isEmpty)
    }

    // MARK: With its lock

    private func context(_ options: BrokerOptions = BrokerOptions()) throws -> BrokerContext {
        try BrokerContext(options, clock: QueueClock(TestClock()))
    }

    @Test func aQueueThatIsDeletedHoldsNothing() throws {
        let context = try context()
        let queue = Queue(
            QueueSettings(address: "q"), kind: .dynamic(maker: ObjectIdentifier(context)), context: context)
        for _ in 0..<3 { _ = try queue.receive([1]) }
        #expect(context.memory.used == 3 * (1 + QueuedMessage.overhead))
        queue.delete()
        #expect(context.memory.used == 0 && queue.status.bytes == 0 && queue.status.removed == 3)
        let refusal = #expect(throws: MessageError.self) { _ = try queue.receive([1]) }
        #expect(refusal?.condition.name == .notFound)
    }

    @Test func aQueueThatIsForgottenCountsNothing() throws {
        let context = try context()
        do {
            let queue = Queue(
                QueueSettings(address: "q"), kind: .dynamic(maker: ObjectIdentifier(context)), context: context)
            for _ in 0..<3 { _ = try queue.receive([1]) }
        }
        #expect(context.memory.used == 0)
        #expect(context.status.received == 3)
    }

    /// Attaches to a durable subscription, and does something with the link until that is over.
    private func subscribe(to broker: Broker, _ act: @escaping (Link) -> Void) throws {
        let script = Script(broker)
        script.linkOpened = act
        script.linkClosed = { _ in script.finish() }
        script.linkDetached = { _ in script.finish() }
        try script.run(containerID: "me") {
            try $0.createReceiver($1, "topic/a", name: "mine", options: .durableSubscription)
        }
    }

    @Test func whatASubscriptionHeldIsFreeAtOnce() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let publisher = Script(broker)
        publisher.sendable = { sender in
            guard sender.credit > 0, sender.unsettledCount == 0 else { return }
            try sender.send(Self.durable)
        }
        publisher.outcome = { _, _ in
            // The publisher stays, and knows the subscription that then goes.
            publisher.sendable = nil
            #expect(broker.status.bytes > 0)
            try subscribe(to: broker) { $0.close() }
            #expect(broker.status.bytes == 0)
            publisher.finish()
        }
        try subscribe(to: broker) { $0.detach() }
        try publisher.run { try $0.createSender($1, "topic/a") }
        #expect(broker.status.removed == 1)
    }
}

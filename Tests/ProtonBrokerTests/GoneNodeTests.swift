import AMQP
import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What still has to do with a node that the broker has just forgotten.
struct GoneNodeTests {
    private func message(_ text: String) -> Message {
        Message(body: text, isDurable: true)
    }

    private func start(_ store: MemoryStore) throws -> Broker {
        var options = BrokerOptions()
        options.store = store
        return try Broker.start(options: options)
    }

    /// A node by itself.
    private func node(_ store: MemoryStore? = nil) -> Node {
        let clock = QueueClock(TestClock())
        let support = NodeSupport(maxBytes: .max, clock: clock, store: store, limitLog: LimitLog(clock))
        return Node(address: "q", kind: .queue(isExclusive: false), limits: QueueLimits(), support: support)
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

    @Test func whatComesTooLateIsNotStored() throws {
        let store = MemoryStore()
        let node = node(store)
        let bytes = try message("a").encoded()
        try node.reserve(bytes)
        node.delete()
        #expect(node.putReserved(bytes).isNone)
        node.store()
        #expect(store.changes.isEmpty)
        #expect(throws: Refusal.self) { try node.put(bytes) }
    }

    @Test func aTransactionDoesNotBringBackASubscriptionThatHasEnded() async throws {
        let store = MemoryStore()
        let broker = try start(store)
        defer { broker.stop() }
        try subscribe(to: broker) { $0.detach() }
        let controller = Controller(broker)
        try controller.run { container, connection in
            let sender = try container.createSender(connection, "topic/a")
            try controller.declare { id in
                try controller.send(message("a"), over: sender, in: id) { _ in
                    try subscribe(to: broker) { $0.close() }
                    try controller.discharge(id) { outcome in
                        #expect(outcome == .accepted)
                        controller.script.finish()
                    }
                }
            }
        }
        try await broker.wait { $0.connections.isEmpty }
        #expect(broker.status.queues.isEmpty && store.contents.isEmpty)
    }

    @Test func whatASubscriptionHeldIsGivenBackAtOnce() async throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let publisher = Script(broker)
        publisher.sendable = { sender in
            guard sender.credit > 0, sender.unsettledCount == 0 else { return }
            try sender.send(message("a"))
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

    @Test func aNodeThatIsGoneHoldsNothing() throws {
        let clock = QueueClock(TestClock())
        let support = NodeSupport(maxBytes: .max, clock: clock, store: nil, limitLog: LimitLog(clock))
        let node = Node(address: "q", kind: .dynamic, limits: QueueLimits(), support: support)
        for _ in 0..<3 { _ = try node.put([1]) }
        #expect(support.budget.used == 3)
        node.delete()
        #expect(support.budget.used == 0 && node.status.bytes == 0 && node.status.removed == 3)
    }

    /// A link that only asks to be attached.
    private final class Late: AttachedLink {
        var role: LinkRole { .consumer }
        var isSubscriber: Bool { false }
        func itsTurnHasCome() {}
        func giveWay() {}
        func closeSinceDeleted() {}
    }

    @Test func noLinkIsAttachedToANodeThatIsGone() {
        let node = node()
        node.delete()
        #expect(throws: Refusal.self) { try node.attach(Late()) }
        #expect(node.status.consumers == 0)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonBroker
import ProtonTesting
import Synchronization
import Testing

/// What a broker does while its store cannot write, and once it can again.
struct StoreFailureTests {
    /// A store that writes by itself until it fails.
    private final class Disk: Sendable {
        private final class Switch: Sendable {
            let isOn = Atomic(true)
        }

        private let power = Switch()
        let store: MemoryStore

        init() { store = MemoryStore { [power] _ in power.isOn.load(ordering: .relaxed) } }

        func fail() {
            power.isOn.store(false, ordering: .relaxed)
            store.report(.failing("the disk is full"))
        }

        func recover() {
            power.isOn.store(true, ordering: .relaxed)
            store.report(.recovered)
            store.writeAll()
        }
    }

    private func start(_ disk: Disk) throws -> Broker {
        var options = BrokerOptions()
        options.store = disk.store
        return try Broker.start(options: options)
    }

    private func durable(_ text: String) -> Message { Message(body: text, isDurable: true) }

    private func expectRefusal(_ state: DeliveryState?) throws {
        guard case .rejected(let condition?)? = state?.outcome else {
            throw ProtonError(.linkError, "The message is not rejected: \(state as Any)")
        }
        #expect(condition.name == .internalError)
        #expect(condition.description?.contains("cannot write to its disk") == true)
    }

    @Test func theStatusSaysWhy() async throws {
        let disk = Disk()
        let broker = try start(disk)
        defer { broker.stop() }
        #expect(broker.status.storeFailure == nil)
        disk.fail()
        #expect(try await broker.wait { $0.storeFailure != nil }.storeFailure == "the disk is full")
        disk.recover()
        try await broker.wait { $0.storeFailure == nil }
    }

    @Test func durableMessagesAreRejectedAndOthersTaken() throws {
        let disk = Disk()
        let broker = try start(disk)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.attach(sendingTo: "q"))
        disk.fail()
        try peer.send(.transfer(0, durable("a")))
        try expectRefusal(peer.waitOutcome(0).state)
        try peer.send(.transfer(1, Message(body: "b")))
        #expect(try peer.waitOutcome(1).state == .accepted)
        disk.recover()
        try peer.send(.transfer(2, durable("c")))
        #expect(try peer.waitOutcome(2).state == .accepted)
        #expect(try broker.takeAll(from: "q") == ["b", "c"])
    }

    @Test func aPresettledDurableMessageClosesTheLink() throws {
        let disk = Disk()
        let broker = try start(disk)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.attach(sendingTo: "q"))
        disk.fail()
        try peer.send(.transfer(0, durable("a"), ["settled": true]))
        #expect(try peer.wait(.detach).condition?.name == .internalError)
    }

    @Test(arguments: [BrokerOptions().subscriptionPolicy, .reject])
    func publishersOfDurableMessagesAreTold(policy: QueueLimits.Policy) throws {
        let disk = Disk()
        var options = BrokerOptions()
        options.store = disk.store
        options.subscriptionPolicy = policy
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.subscribe("topic/a", name: "subscriber"))
        try peer.attach(.attach(sendingTo: "topic/a", handle: 1))
        disk.fail()
        try peer.send(.transfer(0, durable("a"), handle: 1))
        try expectRefusal(peer.waitOutcome(0).state)
        try peer.send(.transfer(1, Message(body: "b"), handle: 1))
        #expect(try peer.waitOutcome(1).state == .accepted)
        disk.recover()
        try peer.send(.transfer(2, durable("c"), handle: 1))
        #expect(try peer.waitOutcome(2).state == .accepted)
        try peer.send(.flow(credit: 10))
        #expect(try peer.wait(.transfer).text == "b")
        #expect(try peer.wait(.transfer).text == "c")
    }

    @Test func aTransactionCannotCommitMeanwhile() throws {
        let disk = Disk()
        let broker = try start(disk)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attachCoordinator()
        try peer.attach(.attach(sendingTo: "q"))
        let id = try peer.declare(0)
        try peer.send(.transfer(1, durable("a"), ["state": .state(.transactional(id: id))]))
        #expect(try peer.waitOutcome(1).state == .transactional(id: id, outcome: .accepted))
        disk.fail()
        try peer.discharge(2, id)
        guard case .outcome(.rejected(let condition?))? = try peer.waitOutcome(2).state else {
            throw ProtonError(.linkError, "The transaction is committed.")
        }
        #expect(condition.name == "amqp:transaction:rollback")
        #expect(condition.description?.contains("disk") == true)
        disk.recover()
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    @Test func settlementsWaitForTheDisk() throws {
        let disk = Disk()
        let broker = try start(disk)
        defer { broker.stop() }
        try broker.send([durable("a"), durable("b"), Message(body: "c")], to: "q")
        let peer = try FramePeer(broker)
        try peer.attach(.attach(receivingFrom: "q"))
        try peer.send(.flow(credit: 3))
        let ids = try (0..<3).map { _ in try peer.wait(.transfer).deliveryID }
        disk.fail()
        // The first is settled by the consumer itself; it waits for nothing.
        try peer.send(
            .disposition(.accepted, ids[0]), .disposition(.accepted, ids[1], ["settled": false]),
            .disposition(.accepted, ids[2], ["settled": false]))
        // The last has nothing to do with the disk.
        let transient = try peer.wait(.disposition)
        #expect(transient.deliveryID == ids[2] && transient["settled"] == true)
        try peer.sync()
        #expect(!peer.hasUnread(.disposition))
        disk.recover()
        let settled = try peer.wait(.disposition)
        #expect(settled.deliveryID == ids[1] && settled["settled"] == true && settled.state == .accepted)
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    @Test func aSubscriberComesBackAllTheSame() throws {
        let disk = Disk()
        let broker = try start(disk)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.subscribe("topic/a"))
        try peer.send(.detach(["closed": false]))
        try peer.wait(.detach)
        try broker.send([durable("a")], to: "q")
        disk.fail()
        // A removal that waits for the disk.
        #expect(try broker.takeAll(from: "q") == ["a"])
        #expect(try peer.attach(.subscribe("topic/a", handle: 1)).terminus("source").first == .string("topic/a"))
    }

    /// What was accepted before the store failed is accepted once it is on disk after all.
    @Test func whatCameBeforeIsAcceptedAfterwards() throws {
        let store = MemoryStore { _ in false }
        var options = BrokerOptions()
        options.store = store
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.attach(sendingTo: "q"))
        try peer.send(.transfer(0, durable("a")))
        try peer.sync()
        store.report(.failing("broken"))
        try peer.sync()
        #expect(!peer.hasUnread(.disposition))
        store.report(.recovered)
        store.writeAll()
        #expect(try peer.waitOutcome(0).state == .accepted)
    }
}

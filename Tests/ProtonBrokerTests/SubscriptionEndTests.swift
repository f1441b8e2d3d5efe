// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonBroker
import ProtonTesting
import Testing

/// What ends a durable subscription: its subscriber's wish, and nothing else.
struct SubscriptionEndTests {
    private func start(stores: Bool) throws -> Broker {
        var options = BrokerOptions()
        if stores { options.store = MemoryStore() }
        return try Broker.start(options: options)
    }

    /// How the peer of a link goes on that the broker has closed.
    enum Answer: CaseIterable { case closes, detaches, vanishes, closesConnection, endsSession, attachesAgain }

    @Test(arguments: Answer.allCases, [false, true])
    func aLinkThatTheBrokerClosesKeepsTheSubscription(answer: Answer, stores: Bool) async throws {
        let broker = try start(stores: stores)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.subscribe("topic/a"))
        try broker.send([Message(body: "one", isDurable: true), Message(body: "two", isDurable: true)], to: "topic/a")
        try peer.send(.flow(credit: 1))
        let transfer = try peer.wait(.transfer)
        // A disposition in a transaction that nobody began.
        let state = DeliveryState.transactional(id: [9], outcome: .accepted)
        try peer.send(.disposition(state, transfer.deliveryID, ["settled": false]))
        let detach = try peer.wait(.detach)
        #expect(detach["closed"] == true)
        #expect(detach.condition?.name == "amqp:transaction:unknown-id")
        switch answer {
        case .closes: try peer.send(.detach())
        case .detaches: try peer.send(.detach(["closed": false]))
        case .vanishes: peer.vanish()
        case .closesConnection: try peer.send(.close())
        case .endsSession: try peer.send(.end())
        case .attachesAgain:
            try peer.send(.detach())
            let again = try peer.attach(.subscribe("topic/a", handle: 1))
            #expect(again.terminus("source").first == .string("topic/a"))
            try peer.send(.detach(handle: 1, ["closed": false]))
        }
        try await broker.wait { $0.queue("peer/link").map { $0.consumers == 0 && $0.waiting == 2 } ?? false }
        let other = try FramePeer(broker)
        try other.attach(.subscribe("topic/a"))
        try other.send(.flow(credit: 5))
        #expect(try other.wait(.transfer).text == "one")
        #expect(try other.wait(.transfer).text == "two")
    }

    @Test(arguments: [false, true]) func theSubscribersOwnCloseEndsIt(stores: Bool) throws {
        let broker = try start(stores: stores)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.subscribe("topic/a"))
        try broker.send([Message(body: "one", isDurable: true)], to: "topic/a")
        try peer.send(.detach())
        #expect(try peer.wait(.detach)["closed"] == true)
        #expect(broker.status.queues.isEmpty)
    }

    // MARK: On disk

    @Test func anAttachIsAnsweredOnceItIsOnDisk() throws {
        let store = MemoryStore { _ in false }
        var options = BrokerOptions()
        options.store = store
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.send(.subscribe("topic/a"), .flow(credit: 5))
        try peer.sync()
        #expect(!peer.hasUnread(.attach))
        #expect(store.contents.count == 1)
        store.writeAll()
        #expect(try peer.waitAttach().terminus("source").first == .string("topic/a"))
        // Credit that came before the answer counts.
        try broker.send("one", to: "topic/a")
        #expect(try peer.wait(.transfer).text == "one")
    }

    @Test func anUnsubscriptionIsAnsweredOnceItIsOnDisk() throws {
        let store = MemoryStore { $0 == 1 }
        var options = BrokerOptions()
        options.store = store
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.attach(.subscribe("topic/a"))
        try peer.send(.detach())
        try peer.sync()
        #expect(!peer.hasUnread(.detach))
        #expect(store.contents.isEmpty)
        store.writeAll()
        #expect(try peer.wait(.detach)["closed"] == true)
    }

    /// A link that is closed before its attach is answered, since the store is slow.
    @Test func aSubscriberMayCloseBeforeTheAnswer() async throws {
        let store = MemoryStore { _ in false }
        var options = BrokerOptions()
        options.store = store
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        try peer.send(.subscribe("topic/a"), .detach())
        try peer.sync()
        #expect(broker.status.queue("peer/link") == nil)
        store.writeAll()
        #expect(try peer.waitAttach()["role"] == false)
        #expect(try peer.wait(.detach)["closed"] == true)
        #expect(store.contents.isEmpty)
        // The name is free.
        try peer.send(.subscribe("topic/a", handle: 1))
        try peer.sync()
        store.writeAll()
        try peer.waitAttach()
    }

    /// A link that is stolen before its attach is answered.
    @Test func aSubscriberMayBeStolenBeforeTheAnswer() async throws {
        let store = MemoryStore { _ in false }
        var options = BrokerOptions()
        options.store = store
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        let old = try FramePeer(broker)
        try old.send(.subscribe("topic/a"))
        try old.sync()
        let new = try FramePeer(broker)
        try new.send(.subscribe("topic/a"))
        #expect(try old.wait(.detach).condition?.name == .linkStolen)
        // That it finds the subscription does not say that it is on disk.
        try new.sync()
        #expect(!new.hasUnread(.attach))
        store.writeAll()
        try new.waitAttach()
        // Nothing is left of the old one.
        try old.sync()
        try await broker.wait { $0.queue("peer/link")?.consumers == 1 }
        try broker.send("one", to: "topic/a")
        try new.send(.flow(credit: 1))
        #expect(try new.wait(.transfer).text == "one")
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonBroker
import ProtonTesting
import Testing

/// `rcv-settle-mode` second: the receiver settles once the sender has (AMQP 1.0, 2.6.12).
struct SettleModeTests {
    /// It gets the mode, and a settled outcome all the same: some clients wait for that in either mode.
    @Test func aProducersMessageIsSettledWithItsOutcome() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let peer = try FramePeer(broker)
        let answer = try peer.attach(.attach(sendingTo: "q", ["rcv-settle-mode": 1]))
        #expect(answer["rcv-settle-mode"] == .ubyte(1))
        try peer.send(.transfer(0, Message(body: "a")))
        let outcome = try peer.waitOutcome(0)
        #expect(outcome.state == .accepted && outcome["settled"] == true)
        #expect(broker.status.queue("q")?.waiting == 1)
        try peer.send(.disposition(.accepted, 0, isReceiver: false))
        try peer.send(.transfer(1, Message(body: "b")))
        #expect(try peer.waitOutcome(1).state == .accepted)
        #expect(try broker.takeAll(from: "q") == ["a", "b"])
    }

    @Test func aConsumerSettlesOnceTheBrokerHas() throws {
        let store = MemoryStore { $0 == 1 }
        var options = BrokerOptions()
        options.store = store
        let broker = try Broker.start(options: options)
        defer { broker.stop() }
        try broker.send([Message(body: "a", isDurable: true)], to: "q")
        let peer = try FramePeer(broker)
        let answer = try peer.attach(.attach(receivingFrom: "q", ["rcv-settle-mode": 1]))
        #expect(answer["rcv-settle-mode"] == .ubyte(1))
        try peer.send(.flow(credit: 1))
        let id = try peer.wait(.transfer).deliveryID
        try peer.send(.disposition(.accepted, id, ["settled": false]))
        try peer.sync()
        // The store has not forgotten it yet.
        #expect(!peer.hasUnread(.disposition))
        store.writeAll()
        let settled = try peer.wait(.disposition)
        #expect(settled["role"] == false && settled["settled"] == true && settled.state == .accepted)
        try peer.send(.disposition(.accepted, id))
        try peer.sync()
        #expect(!peer.hasUnread(.detach))
        #expect(try broker.takeAll(from: "q").isEmpty)
    }

    /// A browser's copy has no outcome, but its delivery ends.
    @Test(arguments: [false, true]) func aBrowsersDeliveriesAreSettled(settled: Bool) async throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", to: "q")
        let peer = try FramePeer(broker)
        let source = PeerFrame.terminus(0x28, [0: .string("q"), 6: .symbol("copy")])
        try peer.attach(.attach(receivingFrom: "", ["source": source]))
        try peer.send(.flow(credit: 1))
        let id = try peer.wait(.transfer).deliveryID
        try peer.send(.disposition(.released, id, ["settled": .boolean(settled)]))
        if !settled { #expect(try peer.wait(.disposition)["settled"] == true) }
        try peer.sync()
        #expect(!peer.hasUnread(.transfer))
        #expect(try broker.takeAll(from: "q") == ["a"])
    }

    /// Each outcome is the one that the broker settles with.
    @Test(arguments: [
        Outcome.accepted, .rejected(Condition("my:reason")), .released, .modified(undeliverableHere: true),
    ])
    func theBrokerSettlesWithTheConsumersOutcome(outcome: Outcome) throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", to: "q")
        let peer = try FramePeer(broker)
        try peer.attach(.attach(receivingFrom: "q", ["rcv-settle-mode": 1]))
        try peer.send(.flow(credit: 1))
        let id = try peer.wait(.transfer).deliveryID
        try peer.send(.disposition(.outcome(outcome), id, ["settled": false]))
        let settled = try peer.wait(.disposition)
        #expect(settled["settled"] == true && settled.state == .outcome(outcome))
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// Receivers that settle once the sender has (AMQP 1.0, 2.6.12), and what is settled without a word.
struct SecondSettleModeTests {
    /// A client with a receiver in the second mode, whose peer answers with a mode and sends a message.
    private static func receiver(
        peersMode: UInt8, settled: Bool = false, _ decide: @escaping (Delivery) -> Void
    ) throws -> (RawPeer, Receiver) {
        let raw = RawPeer(isServer: false)
        raw.peer.events.react = { event in
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            _ = delivery.takeBytes()
            decide(delivery)
        }
        let receiver = try raw.peer.connection.session().makeReceiver(name: "link")
        receiver.receiverSettleMode = .second
        receiver.open()
        try receiver.flow(5)
        try raw.send(.amqpHeader, .open(), .begin(["remote-channel": 0]))
        try raw.send(
            .attach(sendingTo: "q", ["rcv-settle-mode": .ubyte(peersMode)]), .transfer(id: 0, isSettled: settled))
        return (raw, receiver)
    }

    private static func dispositions(_ raw: RawPeer) -> [(state: DeliveryState?, settled: Bool)] {
        raw.frames.filter { $0.kind == .disposition }.map { ($0.state, $0["settled"] == true) }
    }

    static let decisions: [@Sendable (Delivery) -> Void] = [
        { $0.settle(.accepted) }, { $0.acceptIfUndecided() },
        {
            $0.update(.accepted)
            $0.settle()
        },
    ]

    @Test(arguments: decisions.indices)
    func theReceiverWaitsForTheSender(_ index: Int) throws {
        let (raw, receiver) = try Self.receiver(peersMode: 1, Self.decisions[index])
        #expect(raw.frames.first { $0.kind == .attach }?["rcv-settle-mode"] == .ubyte(1))
        var told = Self.dispositions(raw)
        #expect(told.map(\.state) == [.accepted] && told.map(\.settled) == [false] && receiver.unsettledCount == 1)
        try raw.send(.disposition(.accepted, 0, isReceiver: false))
        #expect(receiver.unsettledCount == 0 && receiver.deliveries.count == 0 && receiver.credit == 4)
        // Both have settled: there is nothing more to say.
        told = Self.dispositions(raw)
        #expect(told.count == 1)
    }

    @Test func aPeerThatDoesNotWantItGetsTheFirstMode() throws {
        let (raw, receiver) = try Self.receiver(peersMode: 0) { $0.settle(.accepted) }
        let told = Self.dispositions(raw)
        #expect(told.map(\.state) == [.accepted] && told.map(\.settled) == [true] && receiver.unsettledCount == 0)
    }

    @Test func whatComesSettledIsOver() throws {
        let (raw, receiver) = try Self.receiver(peersMode: 1, settled: true) { $0.settle(.accepted) }
        #expect(Self.dispositions(raw).isEmpty && receiver.unsettledCount == 0)
    }

    @Test func aSenderLearnsThatItIsFirstToSettle() throws {
        let raw = RawPeer(isServer: false)
        let sender = try raw.peer.connection.session().makeSender(name: "link")
        sender.open()
        try raw.send(.amqpHeader, .open(), .begin(["remote-channel": 0]))
        try raw.send(.attach(receivingFrom: "q", ["rcv-settle-mode": 1]), .flow(credit: 5))
        let delivery = try sender.send(Message(body: 1))
        try raw.send(.disposition(.received(sectionNumber: 0, sectionOffset: 0), 0, ["settled": false]))
        #expect(!delivery.isSettledFirstHere)
        try raw.send(.disposition(.accepted, 0, ["settled": false]))
        #expect(delivery.isSettledFirstHere && !delivery.isSettled && !delivery.isInDoubt)
        delivery.settle()
        try raw.pump()
        let disposition = try #require(raw.frames.last { $0.kind == .disposition })
        #expect(disposition["role"] != true && disposition["settled"] == true && sender.unsettledCount == 0)
    }

    // MARK: Without an outcome

    @Test(arguments: [nil, DeliveryState.received(sectionNumber: 1, sectionOffset: 1)])
    func whatIsSettledWithoutAnOutcomeIsReleased(_ before: DeliveryState?) throws {
        let (raw, _) = try Self.receiver(peersMode: 0) { delivery in
            if let before { delivery.update(before) }
            delivery.settle()
        }
        let told = Self.dispositions(raw)
        #expect(told.map(\.state) == [.released] && told.map(\.settled) == [true])
    }

    @Test func whatHasAnOutcomeKeepsIt() throws {
        let (raw, _) = try Self.receiver(peersMode: 0) { delivery in
            delivery.update(.rejected("a:b"))
            delivery.settle()
        }
        #expect(Self.dispositions(raw).map(\.state) == [.rejected("a:b")])
    }

    @Test func aPeerThatSettlesWithoutAWordLeavesADoubt() throws {
        let raw = RawPeer(isServer: false)
        let sender = try raw.peer.connection.session().makeSender(name: "link")
        sender.open()
        try raw.send(.amqpHeader, .open(), .begin(["remote-channel": 0]))
        try raw.send(.attach(receivingFrom: "q"), .flow(credit: 5))
        let deliveries = try (0..<5).map { try sender.send(Message(body: .value(.int($0)))) }
        #expect(deliveries.allSatisfy { !$0.isInDoubt })
        try raw.send(
            .disposition(.accepted, 0, ["state": .null]), .disposition(.accepted, 1),
            .disposition(.received(sectionNumber: 0, sectionOffset: 0), 2))
        try raw.send(
            .disposition(.transactional(id: [1], outcome: .accepted), 3), .disposition(.transactional(id: [1]), 4))
        #expect(deliveries.allSatisfy { $0.isSettled })
        #expect(deliveries.map(\.isInDoubt) == [true, false, true, false, true])
        for delivery in deliveries { delivery.settle() }
        #expect(deliveries.allSatisfy { !$0.isInDoubt })
    }
}

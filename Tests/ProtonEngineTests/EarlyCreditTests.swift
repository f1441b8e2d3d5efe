// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// Credit that is given before the peer has attached: it is counted from the peer's delivery-count (AMQP 1.0, 2.6.7).
struct EarlyCreditTests {
    /// A client with a receiver that is open here, whose peer has opened and begun, and has not attached.
    private struct Waiting {
        let raw = RawPeer(isServer: false)
        let receiver: Receiver

        init(_ set: (Receiver) throws -> Void = { _ in }) throws {
            receiver = try raw.peer.connection.session().makeReceiver(name: "link")
            receiver.open()
            try set(receiver)
            try raw.send(.amqpHeader, .open(), .begin(["remote-channel": 0]))
        }

        /// The peer attaches.
        func attach(startingAt count: UInt32) throws {
            try raw.send(.attach(sendingTo: "target", ["initial-delivery-count": .uint(count)]))
        }

        /// What the flow frames of the link said.
        var flows: [(count: UInt?, credit: UInt?, drains: Bool)] {
            raw.frames.filter { $0.kind == .flow && $0["handle"] != .null }
                .map { ($0["delivery-count"].uintValue, $0["link-credit"].uintValue, $0["drain"] == true) }
        }
    }

    @Test(arguments: [0, 20, 0x7fff_ffff, 0x8000_0000, 0xffff_fffb] as [UInt32])
    func creditWaitsForThePeersAttach(start: UInt32) throws {
        let link = try Waiting { try $0.flow(10) }
        #expect(link.raw.frames.contains { $0.kind == .attach } && link.flows.isEmpty)
        try link.receiver.flow(3)
        try link.raw.pump()
        #expect(link.receiver.credit == 13 && link.flows.isEmpty)
        try link.attach(startingAt: start)
        #expect(link.flows.map(\.count) == [UInt(start)] && link.flows.map(\.credit) == [13])
        #expect(link.receiver.credit == 13)
        try link.receiver.flow(2)
        try link.raw.pump()
        #expect(link.flows.last?.credit == 15 && link.receiver.credit == 15)
    }

    /// What a peer may send by the formula of 2.6.7, from a start that wraps.
    @Test(arguments: [0x7fff_fffd, 0xffff_fffd] as [UInt32])
    func countsWrap(start: UInt32) throws {
        let link = try Waiting { try $0.flow(10) }
        link.raw.peer.events.react = { event in
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            _ = delivery.takeBytes()
            delivery.settle(.accepted)
            if delivery.link.credit <= 5 { try (delivery.link as? Receiver)?.flow(10 - delivery.link.credit) }
        }
        try link.attach(startingAt: start)
        var sent: UInt32 = 0
        while sent < 30 {
            let flow = try #require(link.flows.last)
            let (count, credit) = (try #require(flow.count), try #require(flow.credit))
            let left = UInt32(truncatingIfNeeded: count &+ credit) &- (start &+ sent)
            try #require((1...10).contains(left))
            for _ in 0..<left {
                try link.raw.send(.transfer(id: 0xffff_fff8 &+ sent, tag: [UInt8(sent)]))
                sent += 1
            }
        }
        #expect(link.receiver.state == .active && link.receiver.unsettledCount == 0)
        #expect(link.raw.detachCondition == nil && !link.raw.isClosed)
    }

    @Test func aPeerThatCountsItsCreditTwiceIsForgivenAndNoMore() throws {
        let link = try Waiting { try $0.flow(2) }
        try link.attach(startingAt: 0xffff_ffff)
        for id in 0..<4 as Range<UInt32> { try link.raw.send(.transfer(id: id, tag: [UInt8(id)])) }
        #expect(link.raw.detachCondition == nil && link.receiver.queuedCount == 4)
        // What has come counts, so that what is asked for next is counted right.
        #expect(link.flows.last?.credit == 0 && link.flows.last?.count == 3)
        try link.raw.send(.transfer(id: 4, tag: [4]))
        #expect(link.raw.detachCondition?.name == .transferLimitExceeded)
    }

    @Test func aDrainWaitsToo() throws {
        let link = try Waiting {
            try $0.flow(2)
            try $0.drain(3)
        }
        #expect(link.flows.isEmpty && link.receiver.isDraining && link.receiver.credit == 5)
        #expect(!link.receiver.takeDrainEnd())
        try link.attach(startingAt: 7)
        #expect(link.flows.last?.count == 7 && link.flows.last?.credit == 5 && link.flows.last?.drains == true)
        #expect(link.receiver.isDraining)
        try link.raw.send(.flow(credit: 0, ["delivery-count": 12, "drain": true]))
        #expect(link.receiver.credit == 0 && link.receiver.takeDrainEnd())
    }

    /// There is nothing to give back, and so nothing that the peer has to say.
    @Test func aDrainOfNothingEndsWhenThePeerAttaches() throws {
        let link = try Waiting { try $0.drain() }
        #expect(!link.receiver.isDraining && !link.receiver.takeDrainEnd())
        try link.attach(startingAt: 7)
        #expect(link.raw.peer.events.count("link.flow") == 1 && link.receiver.takeDrainEnd())
    }

    @Test func creditTakesADrainBack() throws {
        let link = try Waiting {
            try $0.drain(3)
            try $0.flow(2)
        }
        #expect(!link.receiver.isDraining)
        try link.attach(startingAt: 0)
        #expect(link.flows.map(\.credit) == [5] && link.flows.last?.drains == false)
        #expect(!link.receiver.takeDrainEnd())
    }

    @Test func aLinkThatIsRefusedGetsNoCredit() throws {
        let link = try Waiting { try $0.flow(5) }
        link.raw.peer.events.react = { $0.answer() }
        try link.raw.send(
            .attach(sendingTo: "target", ["source": .null]), .detach(error: Condition(.notFound, "No such node.")))
        #expect(link.flows.isEmpty && link.receiver.state == .closed)
    }

    @Test func theLargestCreditDoesNotWrapWhileItWaits() throws {
        let link = try Waiting {
            try $0.flow(.max)
            try $0.flow(.max)
            try $0.drain(1)
        }
        #expect(link.receiver.credit == Int(Int32.max))
        try link.attach(startingAt: 5)
        #expect(link.receiver.credit == Int(Int32.max) && link.flows.last?.credit == 0x7fff_ffff)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonTesting
import Testing

/// Flow control: credit, drain, and what it does at its edges.
struct CreditTests {
    @Test func creditAddsUpAndIsUsedUp() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender(credit: 2)
        try receiver.flow(3)
        #expect(receiver.credit == 5 && sender.credit == 2)
        try pair.pump()
        #expect(sender.credit == 5 && pair.client.events.count("link.flow") > 0)
        for number in 0..<5 { try sender.send(Message(body: number)) }
        #expect(sender.credit == 0)
        #expect(throws: ProtonError.self) { try sender.send(Message(body: 6)) }
        try pair.pump()
        #expect(receiver.queuedCount == 5 && receiver.credit == 5)
    }

    @Test func noCreditIsGivenForNothing() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender()
        try receiver.flow(0)
        try pair.pump()
        #expect(receiver.credit == 0 && sender.credit == 0)
    }

    @Test func negativeCreditIsNone() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender(credit: 3)
        for give in [receiver.flow, receiver.drain] {
            for credit in [-1, Int.min] {
                let error = #expect(throws: ProtonError.self) { try give(credit) }
                #expect(error?.code == .invalidArgument && error?.message.contains("\(credit)") == true)
            }
        }
        try pair.pump()
        #expect(receiver.credit == 3 && sender.credit == 3 && !receiver.isDraining)
    }

    @Test func theLargestCreditDoesNotWrap() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender()
        try receiver.flow(.max)
        try receiver.flow(.max)
        try receiver.flow(1)
        try pair.pump()
        #expect(receiver.credit == Int(Int32.max) && sender.credit == Int(Int32.max))
        try sender.send(Message(body: 1))
        try pair.pump()
        #expect(receiver.state == .active && receiver.queuedCount == 1)
        try receiver.drain(.max)
        #expect(receiver.credit == Int(Int32.max))
    }

    @Test func aDrainGivesBackWhatIsNotUsed() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender(credit: 3)
        #expect(!sender.isDraining && !receiver.isDraining)
        try receiver.drain(2)
        #expect(receiver.isDraining)
        try pair.pump()
        #expect(sender.isDraining && sender.credit == 5)
        try sender.send(Message(body: 1))
        #expect(sender.drained() == 4)
        #expect(sender.credit == 0)
        try pair.pump()
        #expect(receiver.credit == 1 && receiver.queuedCount == 1 && !receiver.isDraining)
        // Credit after a drain counts anew.
        try receiver.flow(2)
        try pair.pump()
        #expect(sender.credit == 2 && !sender.isDraining)
        #expect(sender.drained() == 0 && sender.credit == 2)
    }

    @Test func aPeersCreditIsTakenAsItComes() throws {
        for credit in [UInt32(1), 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
            let raw = RawPeer(isServer: false)
            let sender = try raw.peer.connection.session().makeSender(name: "link")
            sender.open()
            try raw.send(Frame.header + Frame.open().bytes + Frame.begin(["remote-channel": 0]).bytes)
            try raw.send(.attach(receivingFrom: "source"), .flow(credit: credit))
            if sender.credit > 0 { try sender.send(Message(body: 1)) }
            try raw.pump()
            #expect(!raw.isClosed)
            sender.close()
            try raw.pump()
        }
    }

    @Test func credThatIsTakenBackLeavesNone() throws {
        let raw = RawPeer(isServer: false)
        let sender = try raw.peer.connection.session().makeSender(name: "link")
        sender.open()
        try raw.send(Frame.header + Frame.open().bytes + Frame.begin(["remote-channel": 0]).bytes)
        try raw.send(.attach(receivingFrom: "source"), .flow(credit: 10))
        #expect(sender.credit == 10)
        try raw.send(.flow(credit: 0))
        #expect(sender.credit == 0)
        #expect(throws: ProtonError.self) { try sender.send(Message(body: 1)) }
    }
}

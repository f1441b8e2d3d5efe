// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// Draining a link, in every order of the two sides' steps.
struct DrainTests {
    /// Takes what has come, and settles it.
    private static func take(_ receiver: Receiver, _ pair: EnginePair) throws -> Int {
        let taken = Box(0)
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            taken.value += 1
            _ = delivery.takeBytes()
            delivery.settle(.accepted)
        }
        try pair.pump()
        return taken.value
    }

    @Test func aDrainOfAllCredit() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender()
        try receiver.drain(10)
        #expect(receiver.isDraining && receiver.credit == 10 && sender.credit == 0)
        try pair.pump()
        #expect(receiver.isDraining && receiver.credit == 10 && sender.credit == 10)
        #expect(sender.drained() == 10)
        #expect(receiver.isDraining && receiver.credit == 10 && sender.credit == 0)
        try pair.pump()
        #expect(!receiver.isDraining && receiver.credit == 0 && sender.credit == 0)
        // What is given after that is no drain: there is nothing to give back.
        try receiver.flow(10)
        try pair.pump()
        #expect(sender.credit == 10 && sender.drained() == 0 && sender.credit == 10)
        try pair.pump()
        #expect(receiver.credit == 10)
    }

    /// More than proton writes in one go.
    @Test func aDrainWithMuchToWriteBefore() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender()
        try receiver.drain(10_000)
        try pair.pump()
        for _ in 0..<5_000 { try sender.send(encoded: [0, 0x53, 0x77, 0x40]) }
        #expect(sender.drained() == 5_000)
        #expect(try Self.take(receiver, pair) == 5_000)
        try pair.pump()
        #expect(!receiver.isDraining && receiver.credit == 0 && sender.credit == 0)
    }

    @Test func aDrainOfWhatWasGivenBefore() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender(credit: 10)
        #expect(sender.drained() == 0 && sender.credit == 10)
        try receiver.drain(0)
        #expect(sender.credit == 10 && receiver.credit == 10)
        try pair.pump()
        #expect(sender.isDraining && sender.credit == 10 && receiver.credit == 10)
        #expect(sender.drained() == 10 && sender.credit == 0 && receiver.credit == 10)
        try pair.pump()
        #expect(sender.credit == 0 && receiver.credit == 0 && !receiver.isDraining)
    }

    @Test func aSenderThatSaysSoBeforeItIsAskedIsAskedAgain() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender(credit: 10)
        try sender.send(Message(body: "A"))
        try pair.pump()
        sender.drained()
        try pair.pump()
        #expect(sender.credit == 9 && receiver.credit == 10)
        try receiver.drain(0)
        try pair.pump()
        #expect(sender.credit == 9 && receiver.credit == 10 && sender.isDraining)
        sender.drained()
        try pair.pump()
        #expect(sender.credit == 0 && receiver.credit == 1 && receiver.queuedCount == 1)
    }

    @Test func whatIsSentDuringADrainComesBeforeItsEnd() throws {
        let pair = EnginePair()
        pair.server.events.react = { $0.answer() }
        let (sender, receiver) = try pair.openSender(credit: 10)
        try sender.send(Message(body: "B"))
        try pair.pump()
        try receiver.drain(0)
        try pair.pump()
        try sender.send(Message(body: "C"))
        try pair.pump()
        #expect(sender.credit == 8 && receiver.credit == 10 && receiver.isDraining)
        sender.drained()
        try pair.pump()
        #expect(sender.credit == 0 && receiver.credit == 2 && receiver.queuedCount == 2 && !receiver.isDraining)
    }

    /// The message needs its credit to the end, which proton would give back.
    @Test(arguments: [false, true], [false, true])
    func aDrainDuringAMessageInPiecesEndsWithIt(isPartWritten: Bool, isAborted: Bool) throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender(credit: 5)
        let stream = try sender.stream()
        if isPartWritten { _ = try stream.write([0, 0x53]) }
        try pair.pump()
        try receiver.drain()
        try pair.pump()
        #expect(sender.isDraining && sender.takeDrainStart())
        #expect(sender.drained() == 4 && sender.credit == 0)
        try pair.pump()
        #expect(receiver.isDraining)
        if isAborted {
            stream.abort()
        } else {
            _ = try stream.write(isPartWritten ? [0x77, 0x40] : [0, 0x53, 0x77, 0x40])
            try stream.finish()
        }
        #expect(try Self.take(receiver, pair) == (isAborted ? 0 : 1))
        try pair.pump()
        #expect(!receiver.isDraining && sender.credit == 0 && receiver.state == .active)
        try receiver.flow(2)
        try pair.pump()
        #expect(sender.credit == 2)
    }

    /// The peer gives credit, and drains, while this side has not made up its mind about the link.
    @Test func creditIsToldOnceTheLinkIsOpenHere() throws {
        let raw = RawPeer()
        raw.peer.events.react = { _ in }
        raw.peer.connection.open()
        try raw.send(.amqpHeader, .open(), .begin())
        for session in raw.peer.connection.allSessions { session.open() }
        try raw.send(.attach(receivingFrom: "q"), .flow(credit: 3, ["drain": true]))
        let sender = try #require(raw.peer.connection.links.first as? Sender)
        #expect(raw.peer.events.count("link.flow") == 1 && !raw.frames.contains { $0.kind == .attach })
        sender.open()
        try raw.pump()
        #expect(raw.peer.events.names.filter { $0.hasPrefix("link") }.suffix(2) == ["link.localOpen", "link.flow"])
        #expect(sender.takeDrainStart() && sender.drained() == 3)
        try raw.pump()
        #expect(raw.frames.last { $0.kind == .flow }?["delivery-count"] == .uint(3))
    }

    @Test func aDrainThatIsUsedUpEndsByItself() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender()
        try receiver.drain(1)
        try pair.pump()
        try sender.send(Message(body: 1))
        #expect(try Self.take(receiver, pair) == 1)
        #expect(receiver.credit == 0 && sender.credit == 0)
        #expect(receiver.takeDrainEnd() && !receiver.takeDrainEnd())
    }
}

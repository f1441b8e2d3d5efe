// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// A peer that gives credit and does not read: what waits for it is bounded.
struct UnreadOutputTests {
    // MARK: The bound

    @Test func itIsFullAtItsLimit() {
        var output = UnsentOutput(limit: 100)
        output.add(49)
        #expect(!output.needsCheck && !output.isFull)
        output.add(50)
        #expect(output.needsCheck && !output.isFull)
        output.add(1)
        #expect(output.isFull)
    }

    @Test(arguments: [(0, true), (50, true), (51, false), (100, false), (200, false)])
    func itIsReadyAgainAtHalf(waiting: Int, isReady: Bool) {
        var output = UnsentOutput(limit: 100)
        output.add(150)
        let becomesReady = output.noteWritten(allBut: waiting)
        #expect(becomesReady == isReady && output.isFull != isReady)
        let becomesReadyAgain = output.noteWritten(allBut: waiting)
        #expect(!becomesReadyAgain)
    }

    @Test func whatIsNotFullDoesNotBecomeReady() {
        var output = UnsentOutput(limit: 100)
        output.add(80)
        let becomesReady = output.noteWritten(allBut: 70)
        #expect(!becomesReady && output.bytes == 70)
    }

    @Test func growthIsToldOnce() {
        var output = UnsentOutput(limit: 100)
        var growths = [output.takeGrowth()]
        output.add(1)
        for _ in 0..<2 { growths.append(output.takeGrowth()) }
        #expect(growths == [false, true, false])
    }

    // MARK: Senders

    private static let limit = 200_000

    private static func limits() -> ConnectionLimits {
        var limits = ConnectionLimits()
        limits.maxUnsentBytes = limit
        return limits
    }

    /// Sends messages of 1,000 bytes while there is credit, whenever there is news of that.
    private final class Flood {
        private(set) var count = 0

        func react(_ event: EngineEvent) throws {
            event.answer()
            guard case .link(.flow, let sender as Sender) = event else { return }
            while sender.credit > 0, count < 10_000 {
                try sender.send(Message(body: .data([UInt8](repeating: 7, count: 1_000))))
                count += 1
            }
        }
    }

    private static func flooded(_ window: UInt32 = 1_000_000, mode: SenderSettleMode = .mixed) throws -> (
        RawPeer, Flood
    ) {
        let raw = RawPeer(limits: limits())
        let flood = Flood()
        raw.peer.events.react = { event in
            if case .link(.remoteOpen, let link) = event { link.senderSettleMode = mode }
            try flood.react(event)
        }
        try raw.open()
        try raw.send(.attach(receivingFrom: "source"))
        let flow = Frame.flow(credit: UInt32(Int32.max), ["incoming-window": .uint(window)]).bytes
        _ = raw.peer.driver.putInput(flow[...])
        try raw.peer.driver.dispatchEvents()
        return (raw, flood)
    }

    @Test(arguments: [SenderSettleMode.mixed, .settled])
    func aPeerThatDoesNotRead(mode: SenderSettleMode) throws {
        let (raw, flood) = try Self.flooded(mode: mode)
        let sender = try #require(raw.peer.connection.links.first as? Sender)
        #expect((50...110).contains(flood.count) && sender.credit == 0 && sender.writableBytes == 0)
        let error = #expect(throws: ProtonError.self) { try sender.send(Message(body: 1)) }
        #expect(error?.code == .noCredit && error?.message.contains("maxUnsentBytes") == true)
        // It reads a little: that does not make the rest fewer.
        for _ in 0..<100 {
            _ = raw.peer.driver.takeOutput(limit: 100)
            try raw.peer.driver.dispatchEvents()
        }
        #expect(flood.count <= 110)
        // A batch that has nothing to do with it leaves nothing to do.
        _ = raw.peer.driver.putInput(Frame.flow(credit: 0, ["handle": .null]).bytes[...])
        var batches = 0
        while try raw.peer.driver.dispatchEvents() { batches += 1 }
        #expect(batches < 10)
        // It reads all.
        let before = flood.count
        try raw.pump()
        #expect(flood.count == 10_000 && before <= 110)
        #expect(sender.credit > 1_000_000)
    }

    @Test func aPeerWhoseWindowIsShut() throws {
        let (raw, flood) = try Self.flooded(0)
        let sender = try #require(raw.peer.connection.links.first as? Sender)
        try raw.pump()
        #expect((50...110).contains(flood.count) && sender.credit == 0)
        try raw.send(.flow(credit: UInt32(Int32.max), ["incoming-window": 1_000_000]))
        #expect(flood.count == 10_000)
    }

    @Test func linksShareTheBound() throws {
        let (raw, flood) = try Self.flooded()
        let attach = Frame.attach(receivingFrom: "source", name: "another", handle: 1).bytes
        _ = raw.peer.driver.putInput((attach + Frame.flow(credit: 1_000_000, handle: 1).bytes)[...])
        while try raw.peer.driver.dispatchEvents() {}
        #expect(raw.peer.connection.links.allSatisfy { $0.credit == 0 } && flood.count <= 110)
        raw.peer.events.clear()
        try raw.pump()
        #expect(flood.count == 10_000 && raw.peer.connection.links.allSatisfy { $0.credit > 0 })
    }

    /// There is an event whenever something was written: without that nobody would look.
    @Test func somethingTellsThatItIsWritten() throws {
        let (raw, flood) = try Self.flooded()
        var rounds = 0
        while flood.count < 1_000, rounds < 100_000 {
            rounds += 1
            _ = raw.peer.driver.takeOutput(limit: 1_000)
            if raw.peer.driver.hasEvents { try raw.peer.driver.dispatchEvents() }
        }
        #expect(flood.count >= 1_000)
    }

    /// The link that those events are made on is nobody's to attach.
    @Test func thePeerAttachesTheLinkOfThoseEvents() throws {
        let (raw, _) = try Self.flooded()
        let name: [UInt8] = Array(Frame.attach(receivingFrom: "s", name: "zz", handle: 1).bytes)
        let place = try #require(name.indices.first { name[$0] == 0x7a && name[$0 + 1] == 0x7a })
        var bytes = name
        bytes.replaceSubrange(place..<place + 2, with: [0xff, 0xfe])
        _ = raw.peer.driver.putInput(bytes[...])
        while try raw.peer.driver.dispatchEvents() {}
        #expect(raw.peer.driver.isInputClosed && raw.peer.connection.condition?.name == .invalidField)
    }

    @Test func aMessageInPieces() throws {
        let raw = RawPeer(limits: Self.limits())
        try raw.open()
        try raw.send(.attach(receivingFrom: "source"))
        let sender = try #require(raw.peer.connection.links.first as? Sender)
        let piece = [UInt8](repeating: 7, count: 10_000)
        var stream: Delivery?
        var written = 0
        raw.peer.events.react = { event in
            event.answer()
            guard case .link(.flow, let sender as Sender) = event, sender.credit > 0 else { return }
            if stream == nil { stream = try sender.stream() }
            while written < 2_000_000, let count = try stream?.write(piece), count > 0 { written += count }
        }
        _ = raw.peer.driver.putInput(Frame.flow(credit: 10, ["incoming-window": 1_000_000]).bytes[...])
        for _ in 0..<100 {
            _ = raw.peer.driver.takeOutput(limit: 10)
            try raw.peer.driver.dispatchEvents()
        }
        #expect(written <= Self.limit + 10_000 && sender.writableBytes == 0)
        try raw.pump()
        #expect(written == 2_000_000)
    }

    @Test func theBoundIsChecked() {
        var limits = ConnectionLimits()
        limits.maxUnsentBytes = 0
        #expect(throws: ProtonError.self) { try limits.validate() }
    }
}

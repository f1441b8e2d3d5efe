// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonTesting
import Testing

/// Messages that are written and taken in pieces.
struct StreamTests {
    /// A small window each way, so that messages wait on both sides.
    private static func pair(frame: UInt32 = 16_384, messageSize: Int = 128 << 20) -> EnginePair {
        var limits = ConnectionLimits()
        limits.maxFrameSize = frame
        limits.sessionCapacity = 256 * 1_024
        limits.maxMessageSize = messageSize
        return EnginePair(clientLimits: limits, serverLimits: limits)
    }

    @Test func aLargeBodyTakesLittleMemory() throws {
        let total = 64 << 20
        let pair = Self.pair()
        var read = 0
        var isRight = true
        var mostAtReceiver = 0
        var mostAtSender = 0
        var ended = false
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event else { return }
            mostAtReceiver = max(mostAtReceiver, delivery.link.session.incomingBytes)
            let piece = delivery.takePart()
            if let first = piece.first { isRight = isRight && first == UInt8(truncatingIfNeeded: read &* 31) }
            read += piece.count
            if let last = piece.last { isRight = isRight && last == UInt8(truncatingIfNeeded: (read - 1) &* 31) }
            #expect(delivery.arrival() != .complete)
            if delivery.isConsumed {
                ended = true
                delivery.settle(.accepted)
            }
        }
        let (sender, receiver) = try pair.openSender(credit: 1)
        let stream = try sender.stream()
        let period = (0..<256 + 65_536).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var written = 0
        while written < total {
            let start = written % 256
            let count = try stream.write(period[start..<start + min(65_536, total - written)])
            written += count
            mostAtSender = max(mostAtSender, sender.session.outgoingBytes)
            if count == 0 || sender.writableBytes == 0 { try pair.pump() }
        }
        try stream.finish()
        try pair.pump()
        #expect(read == total && isRight && ended)
        #expect(mostAtSender <= 1 << 20 && mostAtReceiver <= 256 * 1_024)
        #expect(
            sender.session.outgoingBytes == 0 && receiver.session.incomingBytes == 0 && receiver.unsettledCount == 0)
        #expect(sender.credit == 0)
    }

    @Test func whatIsNotTakenHoldsTheSenderBack() throws {
        let pair = Self.pair()
        var kept: Delivery?
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event else { return }
            kept = delivery
            #expect(delivery.takePart(upTo: 0).isEmpty)
            #expect(delivery.arrival() == (delivery.isConsumed ? .nothing : .incomplete))
        }
        let (sender, receiver) = try pair.openSender(credit: 1)
        let stream = try sender.stream()
        var written = 0
        while case let count = try stream.write(repeatElement(7, count: 100_000)), count > 0 {
            written += count
            try pair.pump()
        }
        #expect(sender.writableBytes == 0 && written <= (1 << 20) + 512 * 1_024)
        #expect(receiver.session.incomingBytes > 0 && receiver.session.incomingBytes <= 256 * 1_024)
        var taken = 0
        while let delivery = kept, case let piece = delivery.takePart(upTo: 10_000), !piece.isEmpty {
            #expect(piece.count <= 10_000)
            taken += piece.count
            try pair.pump()
        }
        #expect(taken == written && kept?.isConsumed == false)
        try stream.finish()
        try pair.pump()
        #expect(kept?.takePart() == [] && kept?.isConsumed == true)
        kept?.settle(.accepted)
        try pair.pump()
        #expect(stream.isSettled && stream.remoteState == .accepted)
    }

    @Test func piecesMakeAMessage() throws {
        let pair = EnginePair()
        var bodies: [Message.Body] = []
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            bodies.append(try delivery.takeMessage().body)
            delivery.settle(.accepted)
        }
        let (sender, _) = try pair.openSender(credit: 2)
        let stream = try sender.stream(tag: [1, 2, 3])
        #expect(stream.tag == [1, 2, 3])
        try stream.writeDataHeader(count: 5)
        #expect(try stream.write([1, 2]) == 2)
        try pair.pump()
        let busy = #expect(throws: ProtonError.self) { try sender.send(Message(body: 1)) }
        #expect(busy?.code == .invalidArgument)
        #expect(throws: ProtonError.self) { try sender.stream() }
        #expect(throws: ProtonError.self) { try sender.send(encoded: [0]) }
        #expect(try stream.write([3, 4, 5][...]) == 3)
        try stream.finish()
        #expect(throws: ProtonError.self) { try stream.write([1]) }
        #expect(throws: ProtonError.self) { try stream.finish() }
        try sender.send(Message(body: "next"))
        try pair.pump()
        #expect(bodies == [.data([1, 2, 3, 4, 5]), "next"])
    }

    @Test func aStreamThatIsGivenUpIsAborted() throws {
        let pair = EnginePair()
        var arrivals: [Delivery.Arrival] = []
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event else { return }
            if !delivery.isAborted { _ = delivery.takePart() }
            arrivals.append(delivery.arrival())
            if arrivals.last == .aborted { delivery.settle() }
        }
        let (sender, receiver) = try pair.openSender(credit: 3)
        let stream = try sender.stream()
        _ = try stream.write([1, 2, 3])
        try pair.pump()
        stream.abort()
        #expect(throws: ProtonError.self) { try stream.write([1]) }
        try pair.pump()
        #expect(arrivals == [.incomplete, .aborted] && receiver.unsettledCount == 0)
        // The next message is whole again.
        pair.server.events.react = { event in
            guard case .delivery(let delivery) = event else { return }
            arrivals.append(delivery.arrival())
            #expect(throws: Never.self) { try delivery.takeMessage() }
        }
        try sender.send(Message(body: 1))
        try pair.pump()
        #expect(arrivals.last == .complete && sender.credit == 1)
    }

    @Test(arguments: [true, false])
    func aMessageThatIsSettledHalfWayIsDropped(takingParts: Bool) throws {
        let pair = EnginePair()
        var bodies: [Message.Body] = []
        var isFirst = true
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event else { return }
            if isFirst {
                isFirst = false
                if takingParts { _ = delivery.takePart(upTo: 1) } else { #expect(delivery.arrival() == .incomplete) }
                return delivery.settle(.rejected("too:long"))
            }
            guard delivery.arrival() == .complete else { return }
            bodies.append(try delivery.takeMessage().body)
        }
        let (sender, _) = try pair.openSender(credit: 2)
        let stream = try sender.stream()
        _ = try stream.write([1, 2, 3])
        try pair.pump()
        #expect(stream.remoteState == .rejected("too:long"))
        _ = try stream.write([4, 5])
        try stream.finish()
        try sender.send(Message(body: "whole"))
        try pair.pump()
        #expect(bodies == ["whole"])
    }

    @Test func piecesCountAgainstTheLargestMessage() throws {
        var limits = ConnectionLimits()
        limits.maxMessageSize = 100_000
        let raw = RawPeer(limits: limits)
        raw.peer.events.react = { event in
            event.answer()
            if case .delivery(let delivery) = event { _ = delivery.takePart() }
        }
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(1)
        let part = [UInt8](repeating: 1, count: 30_000)
        for _ in 0..<3 { try raw.send(.transfer(id: 0, more: true, part)) }
        #expect(raw.detachCondition == nil)
        try raw.send(.transfer(id: 0, more: true, part))
        #expect(raw.detachCondition?.name == .messageSizeExceeded)
    }

    @Test func aReceiverCanTakeLargerMessages() throws {
        var limits = ConnectionLimits()
        limits.maxMessageSize = 1_000
        let pair = EnginePair(clientLimits: limits)
        var sizes: [Int] = []
        pair.client.events.react = { event in
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            sizes.append(delivery.takeBytes().count)
        }
        let (receiver, sender) = try pair.openReceiver(credit: 1) { $0.maxMessageSize = 50_000 }
        #expect(sender.remoteMaxMessageSize == 50_000)
        try sender.send(encoded: [UInt8](repeating: 1, count: 40_000))
        try pair.pump()
        #expect(sizes == [40_000] && receiver.state == .active)
    }

    @Test func whatWasKeptComesWithTheFirstPiece() throws {
        let pair = EnginePair()
        var pieces: [[UInt8]] = []
        var events = 0
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event else { return }
            events += 1
            if events <= 2 {
                #expect(delivery.arrival() == .incomplete)
            } else {
                pieces.append(delivery.takePart(upTo: 1))
            }
        }
        let (sender, _) = try pair.openSender(credit: 1)
        let stream = try sender.stream()
        for byte: UInt8 in 1...4 {
            _ = try stream.write([byte, byte])
            try pair.pump()
        }
        try stream.finish()
        try pair.pump()
        #expect(pieces == [[1, 1, 2, 2, 3], [3], [4]])
    }

    @Test func aStreamOnASettledLinkSettlesAtItsEnd() throws {
        let pair = EnginePair()
        var taken: [[UInt8]] = []
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            taken.append(delivery.takeBytes())
            #expect(delivery.isSettled)
        }
        let (sender, _) = try pair.openSender(credit: 1) { $0.senderSettleMode = .settled }
        let stream = try sender.stream()
        _ = try stream.write([1, 2])
        try pair.pump()
        try stream.finish()
        try pair.pump()
        #expect(taken == [[1, 2]] && sender.unsettledCount == 0 && stream.isSettled)
    }

    @Test func tags() throws {
        let pair = EnginePair()
        var tags: [[UInt8]] = []
        pair.server.events.react = { event in
            event.answer()
            if case .delivery(let delivery) = event { tags.append(delivery.tag) }
        }
        let (sender, _) = try pair.openSender(credit: 10)
        try sender.send(Message(body: 1), tag: "one".utf8)
        var count: UInt8 = 0
        sender.makeTag = {
            count += 1
            return [count]
        }
        try sender.send(Message(body: 2))
        try sender.send(encoded: [0, 0x53, 0x77, 0x40])
        try sender.send(Message(body: 3), tag: [UInt8](repeating: 9, count: 32))
        for tag in [[], [UInt8](repeating: 1, count: 33)] {
            let error = #expect(throws: ProtonError.self) { try sender.send(Message(body: 4), tag: tag) }
            #expect(error?.code == .invalidArgument)
        }
        sender.makeTag = nil
        let last = try sender.send(Message(body: 5))
        #expect(last.tag.count == 8)
        try pair.pump()
        #expect(tags == [Array("one".utf8), [1], [2], [UInt8](repeating: 9, count: 32), last.tag])
    }

    @Test func windowsOfASession() throws {
        let pair = EnginePair()
        pair.client.connection.open()
        let session = try pair.client.connection.makeSession()
        #expect(session.incomingCapacity == ConnectionLimits().sessionCapacity)
        #expect(session.outgoingWindow == 2_147_483_647)
        session.incomingCapacity = 1
        session.outgoingWindow = .max
        #expect(session.incomingCapacity == 65_536 && session.outgoingWindow == 2_147_483_647)
        session.outgoingWindow = 5
        session.outgoingCapacity = 10
        session.open()
        let sender = try session.makeSender(name: "s")
        #expect(session.outgoingWindow == 5 && sender.writableBytes == 10)
        session.close()
        try pair.pump()
        #expect(session.incomingCapacity == 0 && session.outgoingWindow == 0)
    }
}

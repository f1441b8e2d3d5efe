// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonTesting
import Testing

/// Messages on their way: settled, unsettled, large, in parts, and given up.
struct TransferTests {
    /// Takes each complete message of the server's as it comes.
    private static func collect(_ pair: EnginePair, settling: Bool = true) -> Box<[Message]> {
        let messages = Box<[Message]>([])
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            messages.value.append(try delivery.takeMessage())
            if settling { delivery.settle(.accepted) }
        }
        return messages
    }

    @Test(arguments: [1, 5, .max])
    func unsettled(step: Int) throws {
        let pair = EnginePair()
        let messages = Self.collect(pair)
        let (sender, receiver) = try pair.openSender(credit: 10)
        #expect(sender.credit == 10 && receiver.credit == 10)
        var settled: [(outcome: Outcome?, isSettled: Bool)] = []
        pair.client.events.react = { event in
            guard case .delivery(let delivery) = event, let news = delivery.remoteUpdate() else { return }
            settled.append((news.state?.outcome, news.isSettled))
            delivery.settle()
        }
        let first = try sender.send(Message(id: 1, body: "one"))
        let second = try sender.send(Message(id: 2, body: "two"))
        #expect(first != second && !first.tag.isEmpty && first.tag != second.tag && !first.isSettled)
        #expect(sender.credit == 8 && sender.unsettledCount == 2)
        try pair.pump(step: step)
        #expect(messages.value.map(\.body) == ["one", "two"] && messages.value.map(\.id) == [1, 2])
        #expect(settled.allSatisfy { $0.outcome == .accepted && $0.isSettled } && settled.count == 2)
        #expect(sender.unsettledCount == 0 && receiver.unsettledCount == 0 && first.isSettled)
    }

    @Test func settledWhenSent() throws {
        let pair = EnginePair()
        let messages = Self.collect(pair)
        let (sender, receiver) = try pair.openSender(credit: 3) { $0.senderSettleMode = .settled }
        let delivery = try sender.send(Message(body: 1))
        #expect(delivery.isSettled && sender.unsettledCount == 0 && delivery.tag.isEmpty && delivery.localState == nil)
        delivery.settle(.released)
        delivery.abort()
        try pair.pump()
        #expect(messages.value.map(\.body) == [1])
        #expect(receiver.unsettledCount == 0)
    }

    @Test(
        "A large body goes out where it stands, between what stands before and behind it",
        arguments: [768, 769, 100_000])
    func largeBodyBetweenSections(size: Int) throws {
        let pair = EnginePair()
        let messages = Self.collect(pair)
        let (sender, _) = try pair.openSender(credit: 3)
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        let message = Message(id: 1, body: .data(body), properties: ["a": 1], footer: ["hash": .binary([1, 2])])
        var changed = message
        changed.subject = "changed"
        for sent in [message, changed] { try sender.send(sent) }
        try sender.send(message, tag: [7])
        try pair.pump()
        #expect(messages.value == [message, changed, message])
        #expect(message.withBodyBytes { $0.byteCount } == size && message.body.bytes == body)
        #expect(try messages.value.map { try $0.encoded() } == [message, changed, message].map { try $0.encoded() })
    }

    @Test(arguments: [0, 1, 511, 512, 513, 65_535, 65_536, 1_000_000])
    func largeOnesTakeManyFrames(size: Int) throws {
        var limits = ConnectionLimits()
        limits.maxFrameSize = 512
        let pair = EnginePair(serverLimits: limits)
        let messages = Self.collect(pair)
        let (sender, receiver) = try pair.openSender(credit: 1)
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try sender.send(Message(body: .data(body)))
        try pair.pump()
        #expect(messages.value.count == 1 && messages.value.first?.body == .data(body))
        #expect(receiver.session.incomingBytes == 0 && sender.session.outgoingBytes == 0)
        #expect(pair.client.connection.transport?.remoteMaxFrameSize == 512)
    }

    @Test func encodedBytesGoAsTheyAre() throws {
        let pair = EnginePair()
        var taken: [[UInt8]] = []
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            #expect(delivery.isReadable && !delivery.isPartial && delivery.pendingBytes > 0)
            taken.append(delivery.takeBytes())
            #expect(delivery.takeBytes().isEmpty && delivery.arrival() == .nothing)
            delivery.settle()
        }
        let (sender, _) = try pair.openSender(credit: 2)
        try sender.send(encoded: [0, 0x53, 0x77, 0x40])
        try sender.send(encoded: [0xff])
        try pair.pump()
        #expect(taken == [[0, 0x53, 0x77, 0x40], [0xff]])
    }

    @Test func anInvalidMessageThrowsAndIsTaken() throws {
        let pair = EnginePair()
        var failures = 0
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            do {
                _ = try delivery.takeMessage()
            } catch {
                failures += 1
                delivery.settle(.rejected(Condition(.decodeError)))
            }
        }
        let (sender, _) = try pair.openSender(credit: 2)
        try sender.send(encoded: [0xde, 0xad, 0xbe, 0xef])
        let second = try sender.send(encoded: [0, 0x53, 0x77, 0x40])
        try pair.pump()
        #expect(failures == 1 && pair.server.connection.isRemoteOpen && !second.isSettled)
    }

    @Test func anEmptyMessageIsEmptyBytes() throws {
        let raw = RawPeer()
        var taken: [[UInt8]] = []
        raw.peer.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            taken.append(delivery.takeBytes())
            delivery.settle()
        }
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(5)
        try raw.send(.transfer(id: 0, []), .transfer(id: 1, tag: [2]))
        #expect(taken == [[], Frame.message])
    }

    @Test func partsAreKeptUntilTheRestComes() throws {
        let raw = RawPeer()
        var arrivals: [Delivery.Arrival] = []
        var taken: [UInt8] = []
        raw.peer.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event else { return }
            arrivals.append(delivery.arrival())
            if arrivals.last == .complete { taken = delivery.takeBytes() }
        }
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(1)
        try raw.send(.transfer(id: 0, more: true, [1, 2]))
        try raw.send(.transfer(id: 0, more: true, []))
        try raw.send(.transfer(id: 0, more: true, [3]))
        #expect(arrivals.allSatisfy { $0 == .incomplete } && taken.isEmpty)
        try raw.send(.transfer(id: 0, [4, 5]))
        #expect(arrivals.last == .complete && taken == [1, 2, 3, 4, 5])
        #expect(try raw.receiver.credit == 0)
    }

    @Test func anAbortedMessageIsDropped() throws {
        let raw = RawPeer()
        var arrivals: [Delivery.Arrival] = []
        var taken: [[UInt8]] = []
        raw.peer.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event else { return }
            arrivals.append(delivery.arrival())
            switch arrivals.last {
            case .complete: taken.append(delivery.takeBytes())
            case .aborted:
                #expect(delivery.isAborted && delivery.takeBytes().isEmpty)
                delivery.settle()
            default: break
            }
        }
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(5)
        try raw.send(.transfer(id: 0, more: true, [1, 2]))
        try raw.send(.transfer(id: 0, isAborted: true, []))
        #expect(arrivals.last == .aborted)
        try raw.send(.transfer(id: 1, tag: [2], [7]))
        #expect(taken == [[7]] && !raw.isClosed)
        #expect(try raw.receiver.unsettledCount == 1)
    }

    @Test func givingUpWhatHasNotGoneOut() throws {
        var limits = ConnectionLimits()
        limits.sessionCapacity = 1_024
        limits.maxFrameSize = 512
        let pair = EnginePair(serverLimits: limits)
        var arrivals: [Delivery.Arrival] = []
        var kept: Delivery?
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event else { return }
            // While it is not read, the session's window stays closed and the rest of the message waits at the client.
            if kept == nil {
                kept = delivery
                return
            }
            guard delivery.isAborted else { return }
            arrivals.append(delivery.arrival())
            delivery.settle()
        }
        let (sender, receiver) = try pair.openSender(credit: 5)
        let delivery = try sender.send(Message(body: .data([UInt8](repeating: 1, count: 10_000))))
        try pair.pump()
        #expect(sender.session.outgoingBytes > 5_000)
        delivery.abort()
        #expect(delivery.isSettled)
        try pair.pump()
        #expect(kept?.arrival() == .incomplete)
        try pair.pump()
        #expect(arrivals == [.aborted] && receiver.unsettledCount == 0)
        #expect(sender.session.outgoingBytes == 0)
    }

    @Test func noCreditNoMessage() throws {
        let pair = EnginePair()
        let (sender, _) = try pair.openSender()
        let error = #expect(throws: ProtonError.self) { try sender.send(Message(body: 1)) }
        #expect(error?.code == .noCredit)
        #expect(throws: ProtonError.self) { try sender.send(encoded: [0]) }
        sender.close()
        try pair.pump()
        let over = #expect(throws: ProtonError.self) { try sender.send(Message(body: 1)) }
        #expect(over?.code == .closed)
    }

    @Test func offeredMessagesAreTold() throws {
        let pair = EnginePair()
        let (sender, receiver) = try pair.openSender(credit: 1)
        sender.offered(17)
        try sender.send(Message(body: 1))
        try pair.pump()
        #expect(receiver.queuedCount == 1 && receiver.unsettledCount == 1)
    }
}

/// A value that a closure changes and a test reads.
final class Box<Value> {
    var value: Value

    init(_ value: Value) {
        self.value = value
    }
}

extension RawPeer {
    /// The engine's first receiver.
    var receiver: Receiver {
        get throws { try link() }
    }

    /// The engine's first sender.
    var sender: Sender {
        get throws { try link() }
    }

    private func link<Kind: Link>() throws -> Kind {
        guard let link = peer.connection.links.lazy.compactMap({ $0 as? Kind }).first else {
            throw PairError(what: "The engine has no such link.")
        }
        return link
    }
}

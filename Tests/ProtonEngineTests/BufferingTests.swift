// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import Testing

/// What is buffered between the two sides, by how much, and what becomes of it at an end.
struct BufferingTests {
    private static func limits(frame: UInt32, capacity: Int) -> ConnectionLimits {
        var limits = ConnectionLimits()
        limits.maxFrameSize = frame
        limits.sessionCapacity = capacity
        return limits
    }

    /// Messages around the size of a frame: what is sent is never lost, and never more than the window at the receiver.
    @Test(arguments: [16, 256, 512, 989, 1_023, 1_024, 1_025, 1_059, 2_048])
    func aSessionHoldsNoMoreThanItsWindow(size: Int) throws {
        let capacity = 16 * 1_024
        let limits = Self.limits(frame: 1_024, capacity: capacity)
        let pair = EnginePair(clientLimits: limits, serverLimits: limits)
        var kept: [Delivery] = []
        pair.server.events.react = { event in
            event.answer()
            // A delivery in several frames has an event for each.
            if case .delivery(let delivery) = event, !kept.contains(delivery) { kept.append(delivery) }
        }
        let count = 32
        let (sender, receiver) = try pair.openSender(credit: count)
        let bytes = [UInt8](repeating: 7, count: size)
        for _ in 0..<count {
            try sender.send(encoded: bytes)
            try pair.pump()
        }
        #expect(sender.credit == 0)
        var rest = count * size
        #expect(sender.session.outgoingBytes + receiver.session.incomingBytes == rest)
        var taken = 0
        while taken < count {
            #expect(receiver.session.incomingBytes <= capacity)
            // Where something waits, it is because not one frame more fits.
            if sender.session.outgoingBytes > 0 { #expect(capacity - receiver.session.incomingBytes < 2 * 1_024) }
            let delivery = try #require(taken < kept.count ? kept[taken] : nil)
            let part = delivery.takePart()
            #expect(!part.isEmpty || delivery.isConsumed)
            rest -= part.count
            if delivery.isConsumed {
                delivery.settle(.accepted)
                taken += 1
            }
            try pair.pump()
            #expect(sender.session.outgoingBytes + receiver.session.incomingBytes == rest)
        }
        #expect(rest == 0 && receiver.session.incomingBytes == 0 && sender.session.outgoingBytes == 0)
    }

    @Test func creditIsGivenThoughTheWindowIsShut() throws {
        let limits = Self.limits(frame: 1_024, capacity: 64 * 1_024)
        let pair = EnginePair(clientLimits: limits, serverLimits: limits)
        let (sender, receiver) = try pair.openSender(credit: 128)
        for _ in 0..<128 { try sender.send(encoded: [UInt8](repeating: 1, count: 1_024)) }
        try pair.pump()
        #expect(sender.credit == 0 && receiver.queuedCount < 128)
        try receiver.flow(1)
        try pair.pump()
        #expect(sender.credit == 1)
    }

    @Test func aLinkWithoutCreditDoesNotHoldTheNextOneUp() throws {
        let pair = EnginePair()
        var taken: [String: Int] = [:]
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            _ = delivery.takeBytes()
            taken[delivery.link.name, default: 0] += 1
            delivery.settle(.accepted)
        }
        let first = try pair.openSender(credit: 5, named: "first")
        let second = try pair.openSender(credit: 10, named: "second")
        #expect(first.sender.session === second.sender.session)
        for _ in 0..<10 {
            if first.sender.credit > 0 { try first.sender.send(Message(body: 1)) }
            try second.sender.send(Message(body: 2))
        }
        try pair.pump()
        #expect(taken == ["first": 5, "second": 10])
    }

    @Test func manyLargeMessagesAndASmallOneAfterThem() throws {
        let limits = Self.limits(frame: 512, capacity: 64 * 1_024 * 1_024)
        let pair = EnginePair(serverLimits: limits)
        var bodies: [Message.Body] = []
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            bodies.append(try delivery.takeMessage().body)
            delivery.settle(.accepted)
        }
        let (sender, _) = try pair.openSender(credit: 20)
        // All are queued before the first byte goes out.
        let sent = (0..<10).map { number in Message.Body.data([UInt8](repeating: UInt8(number), count: 1_500)) }
        for body in sent { try sender.send(Message(body: body)) }
        try sender.send(Message(body: "small"))
        try pair.pump()
        #expect(bodies == sent + ["small"])
    }

    @Test func aMessageWhoseEndIsAnEmptyFrame() throws {
        let pair = EnginePair()
        var body: Message.Body?
        pair.server.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            body = try delivery.takeMessage().body
        }
        let (sender, receiver) = try pair.openSender(credit: 1)
        let stream = try sender.stream()
        try stream.writeDataHeader(count: 4)
        for part in [[1, 2], [3, 4]] as [[UInt8]] {
            #expect(try stream.write(part) == 2)
            try pair.pump()
        }
        // All of it has come; only its end has not.
        #expect(body == nil && receiver.credit == 1)
        try stream.finish()
        try pair.pump()
        #expect(body == .data([1, 2, 3, 4]))
    }

    // MARK: Ends

    enum Level: CaseIterable {
        case link, session, connection

        func close(_ link: Link) {
            switch self {
            case .link: link.close()
            case .session: link.session.close()
            case .connection: link.connection.close()
            }
        }
    }

    /// Messages that the window holds back when first the peer closes one thing, and then this side another.
    @Test(arguments: Level.allCases, Level.allCases)
    func messagesThatWaitGoWithWhatIsClosed(_ here: Level, _ there: Level) throws {
        let limits = Self.limits(frame: 512, capacity: 12 * 512)
        let pair = EnginePair(clientLimits: limits, serverLimits: limits)
        let (sender, receiver) = try pair.openSender(credit: 10)
        let bytes = [UInt8](repeating: 1, count: 900)
        let deliveries = try (0..<10).map { _ in try sender.send(encoded: bytes) }
        try pair.pump()
        // The window is shut, and opens wide enough for the rest.
        #expect(sender.queuedCount > 0 && sender.unsettledCount == 10)
        pair.client.events.react = { _ in }
        there.close(receiver)
        try pair.pump()
        here.close(sender)
        try pair.pump()
        // Nothing traps, and nothing is left: what both sides have closed is over.
        #expect(pair.client.transportCondition == nil)
        #expect(pair.server.transportCondition == nil)
        if here == there, here != .connection {
            #expect(sender.state == .closed && sender.unsettledCount == 0 && sender.queuedCount == 0)
            #expect(deliveries.allSatisfy { $0.isSettled })
        }
    }

    @Test func messagesThatWereSentBeforeTheCloseArrive() throws {
        let pair = EnginePair()
        var bodies: [Message.Body] = []
        pair.server.events.react = { event in
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return event.answer() }
            bodies.append(try delivery.takeMessage().body)
            delivery.settle(.accepted)
        }
        let (sender, _) = try pair.openSender(credit: 10) { $0.senderSettleMode = .settled }
        for number in 0..<10 { try sender.send(Message(body: number)) }
        // All at once: the engine sends them in order.
        sender.close()
        sender.session.close()
        pair.client.connection.close()
        try pair.pump()
        #expect(bodies == (0..<10).map { .value(AMQPValue($0)) })
        #expect(pair.client.connection.state == .closed && pair.server.connection.state == .closed)
        let closes = pair.server.events.names.filter { $0.hasSuffix("remoteClose") }
        #expect(closes == ["link.remoteClose", "session.remoteClose", "connection.remoteClose"])
    }

    /// Everything is opened and closed before the peer has said a word.
    @Test func aWholeConnectionInOneGo() throws {
        let pair = EnginePair()
        let connection = pair.client.connection
        connection.open()
        let sender = try connection.session().makeSender(name: "sender")
        sender.open()
        sender.close()
        sender.session.close()
        connection.close()
        try pair.pump()
        #expect(connection.state == .closed && pair.server.connection.state == .closed)
        for name in ["connection", "session", "link"] {
            #expect(pair.server.events.count("\(name).remoteOpen") == 1)
            #expect(pair.server.events.count("\(name).remoteClose") == 1)
        }
    }

    /// Whether each side closes the link itself before the session and the connection, or leaves it to them.
    @Test(arguments: [true, false], [true, false])
    func linksThatAreLeftOpenGoWithTheirConnection(here: Bool, there: Bool) throws {
        weak var link: Link?
        try {
            let pair = EnginePair()
            pair.server.events.react = { event in
                switch event {
                case .link(.remoteClose, let link) where there: link.close()
                case .link(.remoteClose, _), .link(.remoteDetach, _): break
                default: event.answer()
                }
            }
            let (sender, _) = try pair.openSender(credit: 3)
            link = sender
            if here { sender.close() }
            sender.session.close()
            pair.client.connection.close()
            try pair.pump()
            #expect(pair.client.connection.state == .closed && pair.server.connection.state == .closed)
            #expect(pair.client.events.count("link.final") == 1 && pair.client.events.count("session.final") == 1)
            #expect(sender.state == .closed)
        }()
        #expect(link == nil)
    }
}

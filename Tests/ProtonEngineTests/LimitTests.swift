// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// Limits: what a peer may take of this process, and what it gets when it takes more.
struct LimitTests {
    private static func limits(_ set: (inout ConnectionLimits) -> Void) -> ConnectionLimits {
        var limits = ConnectionLimits()
        set(&limits)
        return limits
    }

    // MARK: Frames

    @Test(arguments: [false, true])
    func aLargeFrameEndsTheConnectionAtItsHeader(afterOpen: Bool) throws {
        let raw = RawPeer(limits: Self.limits { $0.maxFrameSize = 4_096 })
        if afterOpen { try raw.open() } else { try raw.send(Frame.header) }
        for size in [[0, 0, 0x10, 1], [0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff]] as [[UInt8]] {
            let taken = try raw.send(size + [2, 0, 0, 0] + [UInt8](repeating: 0, count: 1_000_000))
            #expect(taken < 100_000)
            #expect(raw.isClosed && raw.closeCondition?.name == .framingError)
        }
    }

    @Test func aLargeFrameEndsTheConnectionInTheSASLLayerToo() throws {
        let raw = RawPeer(limits: Self.limits { $0.maxFrameSize = 4_096 }, usesSASL: true)
        let taken = try raw.send(
            Frame.saslHeader.bytes + [0x7f, 0xff, 0xff, 0xff, 2, 1, 0, 0] + [UInt8](repeating: 0, count: 1_000_000))
        #expect(taken < 100_000 && raw.isClosed)
    }

    @Test func theLargestFrameIsTaken() throws {
        let raw = RawPeer(limits: Self.limits { $0.maxFrameSize = 4_096 })
        let empty = Frame.open("", ["hostname": ""]).bytes.count
        let frame = Frame.open("", ["hostname": .string(String(repeating: "h", count: 4_096 - empty - 9))]).bytes
        try raw.send(Frame.header + frame)
        #expect(frame.count == 4_096 && !raw.isClosed)
        #expect(raw.peer.connection.remoteHostname?.count ?? 0 > 4_000)
    }

    @Test func theLimitsAreTold() throws {
        let raw = RawPeer(
            limits: Self.limits {
                $0.maxFrameSize = 5_000
                $0.maxSessions = 7
                $0.maxMessageSize = 123
                $0.idleTimeout = .seconds(8)
            })
        try raw.open()
        try raw.send(.attach())
        let open = try #require(raw.frames.first { $0.kind == .open })
        #expect(open["max-frame-size"] == .uint(5_000) && open["channel-max"] == .ushort(6))
        #expect(open["idle-time-out"] == .uint(4_000))
        let attach = try #require(raw.frames.first { $0.kind == .attach })
        #expect(attach["max-message-size"] == .ulong(123))
    }

    // MARK: Sessions and links

    @Test func tooManySessions() throws {
        let raw = RawPeer(limits: Self.limits { $0.maxSessions = 3 })
        try raw.open(session: false)
        for channel in 0..<3 { try raw.send(.begin(channel: UInt16(channel))) }
        #expect(!raw.isClosed)
        try raw.send(.begin(channel: 3))
        #expect(raw.isClosed && raw.closeCondition?.name == .framingError)
    }

    @Test func tooManyLinks() throws {
        let raw = RawPeer(limits: Self.limits { $0.maxLinks = 3 })
        try raw.open()
        for handle in 0..<3 { try raw.send(.attach("link-\(handle)", handle: UInt32(handle))) }
        #expect(!raw.isClosed)
        try raw.send(.attach("one too many", handle: 3))
        #expect(raw.isClosed && raw.closeCondition?.name == .resourceLimitExceeded)
        #expect(raw.peer.events.count("link.remoteOpen") == 3)
    }

    @Test(arguments: [true, false])
    func linksThatEndMakeRoom(closed: Bool) throws {
        let raw = RawPeer(limits: Self.limits { $0.maxLinks = 3 })
        try raw.open()
        for round in 0..<50 {
            try raw.send(.attach("link-\(round)"))
            try raw.send(.detach(["closed": .boolean(closed)]))
        }
        #expect(!raw.isClosed && raw.peer.connection.links.isEmpty)
        #expect(raw.peer.events.count("link.final") == 50)
    }

    @Test func linksOfManySessionsCountTogether() throws {
        let raw = RawPeer(limits: Self.limits { $0.maxLinks = 3 })
        try raw.open()
        try raw.send(.begin(channel: 1))
        for handle in 0..<2 {
            try raw.send(.attach("a-\(handle)", handle: UInt32(handle), channel: 0))
            if !raw.isClosed { try raw.send(.attach("b-\(handle)", handle: UInt32(handle), channel: 1)) }
        }
        #expect(raw.isClosed && raw.closeCondition?.name == .resourceLimitExceeded)
    }

    // MARK: Messages

    @Test func moreMessagesThanCredit() throws {
        let raw = RawPeer()
        var taken = 0
        raw.peer.events.react = { event in
            event.answer()
            guard case .delivery(let delivery) = event, delivery.arrival() == .complete else { return }
            _ = delivery.takeBytes()
            delivery.settle(.accepted)
            taken += 1
            // A reader that keeps up tops the credit up: what came before that was too much all the same.
            try (delivery.link as? Receiver)?.flow(1)
        }
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(10)
        try raw.send((0..<200).flatMap { Frame.transfer(id: $0, tag: [UInt8($0)], isSettled: true).bytes })
        #expect(raw.detachCondition?.name == .transferLimitExceeded && taken <= 10 && !raw.isClosed)
    }

    @Test func exactlyTheCreditIsFine() throws {
        let raw = RawPeer()
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(10)
        try raw.send((0..<10).flatMap { Frame.transfer(id: $0, tag: [UInt8($0)]).bytes })
        #expect(raw.detachCondition == nil)
        #expect(try raw.receiver.queuedCount == 10)
        try raw.send(.transfer(id: 10, tag: [10]))
        #expect(raw.detachCondition?.name == .transferLimitExceeded)
    }

    @Test func noCreditAtAll() throws {
        let raw = RawPeer()
        try raw.open()
        try raw.send(.attach())
        try raw.send(.transfer(id: 0))
        #expect(raw.detachCondition?.name == .transferLimitExceeded)
        #expect(raw.peer.events.count("delivery") == 0)
    }

    @Test(arguments: [1, 4, 100])
    func aMessageThatIsTooLarge(frames: Int) throws {
        let raw = RawPeer(limits: Self.limits { $0.maxMessageSize = 10_000 })
        raw.peer.events.react = { event in
            event.answer()
            if case .delivery(let delivery) = event { _ = delivery.arrival() }
        }
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(10)
        let part = [UInt8](repeating: 1, count: 10_001 / frames + 1)
        for index in 0..<frames where raw.detachCondition == nil {
            try raw.send(.transfer(id: 0, more: index < frames - 1, part))
        }
        #expect(raw.detachCondition?.name == .messageSizeExceeded && !raw.isClosed)
        // What still comes for the link is dropped, without an end to the connection.
        try raw.send(.transfer(id: frames == 1 ? 1 : 0, more: true, part))
        try raw.send(.attach("second", handle: 1))
        #expect(!raw.isClosed)
    }

    @Test func aMessageThatNeverEndsIsBounded() throws {
        let raw = RawPeer(limits: Self.limits { $0.maxMessageSize = 100_000 })
        raw.peer.events.react = { event in
            event.answer()
            if case .delivery(let delivery) = event { _ = delivery.arrival() }
        }
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(1)
        var count = 0
        while raw.detachCondition == nil, count < 1_000 {
            try raw.send(.transfer(id: 0, more: true, [UInt8](repeating: 1, count: 1_000)))
            count += 1
        }
        #expect((95...105).contains(count))
    }

    /// Three links that each send a part of 9,000 bytes, where 20,000 may wait for the rest.
    private func threeParts() throws -> (RawPeer, part: [UInt8]) {
        let raw = RawPeer(
            limits: Self.limits {
                $0.maxMessageSize = 10_000
                $0.maxIncompleteBytes = 20_000
            })
        raw.peer.events.react = { event in
            event.answer()
            if case .link(.remoteOpen, let link) = event { try (link as? Receiver)?.flow(10) }
            if case .delivery(let delivery) = event, delivery.arrival() == .complete { _ = delivery.takeBytes() }
        }
        try raw.open()
        let part = [UInt8](repeating: 1, count: 9_000)
        for handle in 0..<3 as Range<UInt32> {
            #expect(raw.detachCondition == nil)
            try raw.send(.attach("link-\(handle)", handle: handle))
            try raw.send(.transfer(handle: handle, id: handle, more: true, part))
        }
        return (raw, part)
    }

    @Test func messagesInPartsAreBoundedTogether() throws {
        let (raw, part) = try threeParts()
        #expect(raw.detachCondition?.name == .resourceLimitExceeded && !raw.isClosed)
        #expect(raw.peer.connection.incompleteBytes == 18_000)
        // The others go on, and make room with their end.
        try raw.send(.transfer(handle: 0, id: 0, [1]))
        #expect(raw.peer.connection.incompleteBytes == 9_000)
        try raw.send(.transfer(handle: 0, id: 3, tag: [3], more: true, part))
        #expect(raw.peer.connection.incompleteBytes == 18_000)
        #expect(raw.frames.count { $0.kind == .detach } == 1)
    }

    @Test(arguments: ["abort", "detach", "end"])
    func whatIsGivenUpMakesRoom(how: String) throws {
        let (raw, _) = try threeParts()
        switch how {
        case "abort": try raw.send(.transfer(handle: 0, id: 0, isAborted: true, []))
        case "detach": try raw.send(.detach(handle: 0))
        default: try raw.send(.end())
        }
        #expect(raw.peer.connection.incompleteBytes == (how == "end" ? 0 : 9_000))
    }

    @Test func oneMessageOfTheLargestSizeIsAlwaysTaken() throws {
        let raw = RawPeer(limits: Self.limits { $0.maxIncompleteBytes = 1 })
        var taken = 0
        raw.peer.events.react = { event in
            event.answer()
            if case .delivery(let delivery) = event, delivery.arrival() == .complete {
                taken = delivery.takeBytes().count
            }
        }
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(1)
        let half = [UInt8](repeating: 1, count: 30_000)
        try raw.send(.transfer(id: 0, more: true, half), .transfer(id: 0, half))
        #expect(taken == 60_000 && raw.detachCondition == nil)
    }

    @Test func theLargestMessageIsTaken() throws {
        let raw = RawPeer(limits: Self.limits { $0.maxMessageSize = 10_000 })
        var taken = 0
        raw.peer.events.react = { event in
            event.answer()
            if case .delivery(let delivery) = event, delivery.arrival() == .complete {
                taken = delivery.takeBytes().count
            }
        }
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(1)
        try raw.send(.transfer(id: 0, more: true, [UInt8](repeating: 1, count: 9_999)), .transfer(id: 0, [1]))
        #expect(taken == 10_000 && raw.detachCondition == nil)
    }

    @Test func whatIsNotReadClosesTheWindow() throws {
        let raw = RawPeer(
            limits: Self.limits {
                $0.sessionCapacity = 8_192
                $0.maxFrameSize = 1_024
            })
        try raw.open()
        try raw.send(.attach())
        try raw.receiver.flow(1_000)
        for id in 0..<20 where !raw.isClosed {
            try raw.send(.transfer(id: UInt32(id), tag: [UInt8(id)], [UInt8](repeating: 1, count: 900)))
        }
        #expect(raw.isClosed && raw.closeCondition?.name == .windowViolation)
    }

    // MARK: Options

    @Test(arguments: [
        Self.limits { $0.maxFrameSize = 511 }, Self.limits { $0.maxSessions = 0 },
        Self.limits { $0.maxSessions = 65_537 }, Self.limits { $0.maxLinks = 0 },
        Self.limits { $0.maxMessageSize = 0 }, Self.limits { $0.maxIncompleteBytes = 0 },
        Self.limits { $0.sessionCapacity = 1_000 },
        Self.limits { $0.handshakeTimeout = .zero }, Self.limits { $0.idleTimeout = .seconds(-1) },
        Self.limits { $0.idleTimeout = .seconds(Int64.max) },
    ])
    func limitsThatMakeNoSense(_ limits: ConnectionLimits) {
        let error = #expect(throws: ProtonError.self) { try limits.validate() }
        #expect(error?.code == .invalidArgument && error?.message.contains("must") == true)
    }

    @Test func theDefaultsMakeSense() throws {
        try ConnectionLimits().validate()
    }

    @Test(arguments: [64, 4, 2])
    func fieldsOfThePeersAreDecodedWithinTheLimits(depth: Int) throws {
        let raw = RawPeer(limits: Self.limits { $0.decoding.depth = depth })
        // Four levels.
        let map: AMQPMap = [.symbol("a"): [[[1]]]]
        try raw.send(Frame.header + Frame.open("peer", ["properties": .map(map)]).bytes + Frame.begin().bytes)
        let source = AMQPValue.described(
            Described(
                descriptor: .ulong(0x28),
                value: ["a", .null, .null, .null, .null, .null, .null, .map(map), .null, .null, .symbol("cap")]))
        try raw.send(.attach(sendingTo: "a", ["source": source, "properties": .map(map)]))
        let link = try #require(raw.peer.connection.links.first)
        let expected = depth >= 4 ? map : [:]
        #expect(raw.peer.connection.remoteProperties == expected && link.remoteProperties == expected)
        // What is within the limits is there.
        #expect(link.remoteSource.filter == expected && link.remoteSource.capabilities == ["cap"])
        var told: Condition?
        raw.peer.events.react = { event in
            if case .link(.remoteClose, let link) = event { told = link.remoteCondition }
        }
        try raw.send(.detach(error: Condition(.notFound, "gone", info: map)))
        #expect(told == Condition(.notFound, "gone", info: expected))
    }

    @Test func aSilentPeerIsGivenUp() throws {
        let raw = RawPeer(limits: Self.limits { $0.idleTimeout = .seconds(4) })
        try raw.open()
        #expect(raw.peer.driver.tick(1_000) > 0)
        _ = raw.peer.driver.tick(4_900)
        try raw.pump()
        #expect(!raw.isClosed)
        _ = raw.peer.driver.tick(5_100)
        try raw.pump()
        #expect(raw.isClosed && raw.closeCondition?.name == .resourceLimitExceeded)
    }
}

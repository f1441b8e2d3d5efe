// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// What the layer of frames refuses, each beside what is nearest to it and allowed, without any I/O.
struct FrameRefusalTests {
    typealias Scanner = FrameScannerTests.Scanner

    /// What a peer sends, after what both sides have said before.
    struct Row: CustomTestStringConvertible {
        let name: String
        let allowed: [[UInt8]]
        let refused: [UInt8]
        let violation: FrameViolation

        init(_ name: String, allowed: [Frame]..., refused: Frame..., violation: FrameViolation) {
            self.init(
                name, allowed: allowed.map { $0.flatMap(\.bytes) }, refused: refused.flatMap(\.bytes),
                violation: violation)
        }

        init(_ name: String, allowed: [[UInt8]], refused: [UInt8], violation: FrameViolation) {
            (self.name, self.allowed, self.refused, self.violation) = (name, allowed, refused, violation)
        }

        var testDescription: String { name }
    }

    /// A scanner whose two sides have a session, a link on which the peer sends (its handle 0, with 10 of credit) and one
    /// on which this side does (handle 1).
    static func attached() -> Scanner {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach("in", isLocalSender: false, peer: 0, ours: 0)
        scanner.attach("out", isLocalSender: true, peer: 1, ours: 1)
        _ = scanner.send(.flow(credit: 10, handle: 0))
        return scanner
    }

    private static func transfer(
        _ id: UInt32?, handle: UInt32 = 0, payload: [UInt8] = [1], _ fields: KeyValuePairs<String, AMQPValue> = [:]
    ) -> Frame {
        var frame = Frame.transfer(id ?? 0, payload: payload, handle: handle, fields)
        if id == nil { frame["delivery-id"] = .null }
        return frame
    }

    // MARK: Transfers

    private static let more: KeyValuePairs<String, AMQPValue> = ["more": true]
    private static let aborted: KeyValuePairs<String, AMQPValue> = ["aborted": true]
    private static let long = [UInt8](repeating: 7, count: 200)

    static var transfers: [Row] {
        [
            Row(
                "a first transfer without a delivery-id",
                allowed: [transfer(0)], refused: transfer(nil), violation: .transfer(.noDeliveryID)),
            Row(
                "a first transfer of several without a delivery-id",
                allowed: [transfer(0, more)], refused: transfer(nil, more), violation: .transfer(.noDeliveryID)),
            Row(
                "the same, long", allowed: [transfer(0, payload: long, more)],
                refused: transfer(nil, payload: long, more), violation: .transfer(.noDeliveryID)),
            Row(
                "a second delivery without a delivery-id",
                allowed: [transfer(0, payload: long), transfer(1, payload: long)],
                [transfer(0, more), transfer(nil, more), transfer(nil)],
                refused: transfer(0, payload: long), transfer(nil, payload: long, more),
                violation: .transfer(.noDeliveryID)),
            Row(
                "no delivery-id after an aborted delivery",
                allowed: [transfer(0, more), transfer(nil, aborted), transfer(1)],
                refused: transfer(0, more), transfer(nil, aborted), transfer(nil, more),
                violation: .transfer(.noDeliveryID)),
            Row(
                "a delivery-id of another type",
                allowed: [transfer(0)], refused: transfer(0).with("delivery-id", .binary([0])),
                violation: .encoding(.transfer)),
            Row(
                "a delivery-id that changes",
                allowed: [transfer(3, more), transfer(3), transfer(4)],
                [transfer(3, more), transfer(nil), transfer(4)],
                refused: transfer(3, more), transfer(4), violation: .transfer(.otherDeliveryID)),
            Row(
                "a transfer on a sending link",
                allowed: [transfer(0)], refused: transfer(0, handle: 1), violation: .transfer(.wrongDirection)),
            Row(
                "a long one on a sending link", allowed: [transfer(0, payload: long)],
                refused: transfer(0, handle: 1, payload: long), violation: .transfer(.wrongDirection)),
            Row(
                "an aborted transfer on a sending link", allowed: [transfer(0, aborted)],
                refused: transfer(0, handle: 1, aborted), violation: .transfer(.wrongDirection)),
            Row(
                "an empty delivery",
                allowed: [transfer(0, payload: [], aborted)],
                [transfer(0, more), transfer(nil, payload: [])], [transfer(0, payload: [], more), transfer(nil)],
                refused: transfer(0, payload: []), violation: .transfer(.empty)),
            Row(
                "an empty delivery in parts", allowed: [],
                refused: transfer(0, payload: [], more), transfer(nil, payload: [], more), transfer(nil, payload: []),
                violation: .transfer(.empty)),
            Row(
                "a transfer on a handle of no link", allowed: [], refused: transfer(0, handle: 2),
                violation: .noLink(2)),
            Row(
                "a transfer after the detach", allowed: [transfer(0), .detach(handle: 0)],
                refused: .detach(handle: 0), transfer(0, payload: long), violation: .noLink(0)),
            Row(
                "a transfer on a channel without a session", allowed: [],
                refused: .transfer(0, payload: [1], channel: 1), violation: .noSession(1)),
            Row(
                "a tag of 33 bytes",
                allowed: [transfer(0, ["delivery-tag": .binary([UInt8](repeating: 1, count: 32))])],
                refused: transfer(0, ["delivery-tag": .binary([UInt8](repeating: 1, count: 33))]),
                violation: .encoding(.transfer)),
        ]
    }

    // MARK: Links and sessions

    static var endpoints: [Row] {
        [
            Row(
                "a handle in use",
                allowed: [.attach(name: "x", handle: 2)],
                [.detach(handle: 0), .attach(sendingTo: "q", name: "x", handle: 0)],
                refused: .attach(sendingTo: "q", name: "x", handle: 0), violation: .handleInUse(0)),
            Row(
                "a handle above handle-max", allowed: [.attach(name: "x", handle: FrameSession.handleMax)],
                refused: .attach(name: "x", handle: FrameSession.handleMax + 1),
                violation: .handle(FrameSession.handleMax + 1)),
            Row(
                "a handle that reads as -2", allowed: [], refused: .attach(name: "x", handle: 0xffff_fffe),
                violation: .handle(0xffff_fffe)),
            Row(
                "a long name", allowed: [.attach(name: String(repeating: "x", count: 100), handle: 2)],
                refused: .attach(name: String(repeating: "x", count: 101), handle: 2),
                violation: .nameSize(limit: 100)),
            Row(
                "a name with a zero byte", allowed: [], refused: .attach(name: "x\0y", handle: 2), violation: .name),
            Row(
                "a handle of another type", allowed: [], refused: .attach(name: "x").with("handle", .binary([2])),
                violation: .encoding(.attach)),
            Row(
                "no handle", allowed: [], refused: .attach(name: "x").with("handle", .null),
                violation: .missingField(.attach)),
            Row(
                "a detach twice", allowed: [.detach(handle: 0)], refused: .detach(handle: 0), .detach(handle: 0),
                violation: .noLink(0)),
            Row(
                "a flow of no link", allowed: [.flow(credit: 1, handle: 1)], refused: .flow(credit: 1, handle: 2),
                violation: .noLink(2)),
            Row(
                "a begin on a channel in use", allowed: [.begin(channel: 1)],
                [.end(), .begin()], refused: .begin(), violation: .channelInUse(0)),
            Row(
                "a begin beyond channel-max", allowed: [.begin(channel: 7)], refused: .begin(channel: 8),
                violation: .channel(8, max: 7)),
            Row(
                "an answer to a begin that was answered", allowed: [],
                refused: .begin(channel: 1, ["remote-channel": .ushort(0)]), violation: .channelInUse(0)),
            Row(
                "an answer to a begin that was answered and ended", allowed: [],
                refused: .end(), .begin(channel: 1, ["remote-channel": .ushort(0)]), violation: .channelInUse(0)),
            Row("an end twice", allowed: [.end()], refused: .end(), .end(), violation: .noSession(0)),
            Row(
                "an attach on a channel without a session", allowed: [],
                refused: .attach(name: "x", handle: 2, channel: 1),
                violation: .noSession(1)),
        ]
    }

    // MARK: Frames

    static var frames: [Row] {
        [
            Row(
                "a performative that there is none of", allowed: [[0, 0, 0, 8, 2, 0, 0, 0]],
                refused: Frame.framed([0, 0x53, 0x19, 0x45]), violation: .performative),
            Row("no performative", allowed: [], refused: Frame.framed([1, 2, 3]), violation: .performative),
            Row(
                "a frame of SASL", allowed: [], refused: Frame.saslInit("ANONYMOUS").bytes, violation: .frameType(1)),
            Row(
                "a frame beyond the limit", allowed: [], refused: [0, 1, 0, 1, 2, 0, 0, 0],
                violation: .frameSize(limit: 65_536)),
            Row("a frame below its header", allowed: [], refused: [0, 0, 0, 7, 2, 0, 0, 0], violation: .noFrame),
            Row("a header too small", allowed: [], refused: [0, 0, 0, 9, 1, 0, 0, 0, 0], violation: .noFrame),
            Row(
                "a header beyond the frame", allowed: [], refused: [0, 0, 0, 9, 3, 0, 0, 0, 0], violation: .noFrame),
            // A list that says that it has one field, and has two: proton reads both.
            Row(
                "a count that is too small", allowed: [Frame.framed([0, 0x53, 0x16, 0xc0, 3, 2, 0x43, 0x41])],
                refused: Frame.framed([0, 0x53, 0x16, 0xc0, 3, 1, 0x43, 0x41]), violation: .encoding(.detach)),
            Row(
                "a count that is too large", allowed: [],
                refused: Frame.framed([0, 0x53, 0x16, 0xc0, 3, 3, 0x43, 0x41]), violation: .encoding(.detach)),
            Row(
                "a list beyond its frame", allowed: [],
                refused: Frame.framed([0, 0x53, 0x16, 0xc0, 4, 2, 0x43, 0x41]), violation: .encoding(.detach)),
            Row(
                "a body that is no list", allowed: [], refused: Frame.framed([0, 0x53, 0x16, 0xc1, 3, 2, 0x43, 0x41]),
                violation: .encoding(.detach)),
            Row("a second open", allowed: [], refused: Frame.open().bytes, violation: .openTwice),
        ]
    }

    @Test(arguments: transfers + endpoints + frames)
    func isRefused(_ row: Row) {
        for allowed in row.allowed {
            let scanner = Self.attached()
            #expect(scanner.receive(allowed) == allowed)
            #expect(scanner.violation == nil)
        }
        for step in [1, 7, 100_000] {
            let scanner = Self.attached()
            let good = Frame.flow(credit: 3, handle: 1).bytes
            var (rest, handedOn): (ArraySlice<UInt8>, [UInt8]) = ((good + row.refused + good)[...], [])
            while !rest.isEmpty {
                handedOn += scanner.receive(Array(rest.prefix(step)))
                rest = rest.dropFirst(step)
            }
            // What came before is handed on, the last frame and what follows it is not.
            #expect(handedOn.starts(with: good) && handedOn.count < good.count + row.refused.count)
            #expect(scanner.violation == row.violation)
            #expect(scanner.receive(good).isEmpty)
        }
    }

    // MARK: Before open, and after close

    @Test func theFirstFrameIsOpen() {
        for frame in [Frame.begin(), .close(), .attach(), .transfer(0, payload: [1])] {
            let scanner = Scanner()
            #expect(scanner.receive(.amqpHeader, Frame(.empty), frame) == [.amqpHeader, Frame(.empty)])
            #expect(scanner.violation == .notOpen)
        }
    }

    @Test func afterThisSidesCloseOnlyTheCloseCounts() {
        let scanner = Self.attached()
        _ = scanner.send(.close(error: "a:test"))
        let received = scanner.receive(
            .attach(name: "x", handle: 3), .attach(name: "x", handle: 3), Self.transfer(nil, payload: Self.long),
            .close())
        #expect(received == [.close()] && scanner.violation == nil)
    }

    // MARK: How many

    @Test func sessionsThatAreBegunAndEndedAtOnceAreBounded() {
        let most = SessionTable.mostEndedEarly
        let pairs = { (count: Int) in
            (0..<count).flatMap { _ in Frame.begin(channel: 1).bytes + Frame.end(channel: 1).bytes }
        }
        let scanner = Scanner(maxSessions: 8)
        _ = scanner.receive(.amqpHeader, .open())
        #expect(scanner.receive(pairs(most)) == pairs(most))
        // Where this side has begun and ended them there is room again.
        for _ in 0..<most { _ = scanner.send(.begin(), .end()) }
        #expect(scanner.receive(pairs(most)) == pairs(most) && scanner.violation == nil)
        #expect(scanner.receive(pairs(1)).isEmpty && scanner.violation == .sessions(limit: most))
    }

    @Test func aChannelCanBeBegunAgainAtOnce() {
        let scanner = Scanner(maxSessions: 1)
        scanner.begin()
        for _ in 0..<5_000 {
            _ = scanner.receive(.end(), .begin())
            _ = scanner.send(.end(), .begin(["remote-channel": .ushort(0)]))
        }
        #expect(scanner.violation == nil && scanner.sessionCount <= 2)
    }

    @Test func linksThatAreAttachedAndDetachedAtOnceAreBounded() {
        let scanner = Scanner(maxLinks: 4)
        scanner.begin()
        let pairs = { (from: Int) in
            (from..<from + 260).flatMap {
                Frame.attach(receivingFrom: "q", name: "\($0)").bytes + Frame.detach().bytes
            }
        }
        #expect(scanner.receive(pairs(0)) == pairs(0))
        for index in 0..<260 {
            let name = "\(index)"
            _ = scanner.send(.attach(sendingTo: "q", name: name), .detach())
        }
        #expect(scanner.receive(pairs(260)) == pairs(260) && scanner.violation == nil)
        _ = scanner.receive(.attach(receivingFrom: "q", name: "last"))
        #expect(scanner.violation == .links(limit: 260))
    }

    /// The engine ends the link at the first one: this is for a peer that goes on.
    @Test func deliveriesFarBeyondTheCreditAreRefused() {
        let scanner = Self.attached()
        let allowed = 10 + 10 + FrameLink.excess
        for id in 0..<allowed { _ = scanner.receive(Self.transfer(id)) }
        #expect(scanner.violation == nil)
        _ = scanner.receive(Self.transfer(allowed))
        #expect(scanner.violation == .transfer(.credit))
    }

    @Test func creditThatIsGivenAgainAllowsMore() {
        let scanner = Self.attached()
        for id in 0..<20_000 as Range<UInt32> {
            if id % 10 == 0 { _ = scanner.send(.flow(credit: 10, ["delivery-count": .uint(id)])) }
            _ = scanner.receive(Self.transfer(id))
        }
        #expect(scanner.violation == nil)
    }

    @Test(arguments: [0, 1, 0x7fff_fff0, 0xffff_fff0] as [UInt32])
    func theCountMayBeginAnywhere(_ first: UInt32) {
        let scanner = Scanner()
        scanner.begin()
        _ = scanner.receive(.attach(sendingTo: "q", ["initial-delivery-count": .uint(first)]))
        _ = scanner.send(.attach(receivingFrom: "q"), .flow(credit: 10, ["delivery-count": .uint(first)]))
        let allowed = 20 + FrameLink.excess
        for id in 0..<allowed { _ = scanner.receive(Self.transfer(id)) }
        #expect(scanner.violation == nil)
        _ = scanner.receive(Self.transfer(allowed))
        #expect(scanner.violation == .transfer(.credit))
    }

    // MARK: What came another way

    @Test func aLinkThatCameAnotherWayIsTaken() {
        let scanner = Scanner()
        _ = scanner.send(.amqpHeader, .open(), .begin(["remote-channel": .ushort(0)]), .attach(receivingFrom: "q"))
        let frames = [Self.transfer(0, payload: Self.long, Self.more), Self.transfer(nil, payload: Self.long)]
        #expect(Frame.parse(scanner.receive(frames.flatMap(\.bytes))) == frames)
        _ = scanner.receive(Self.transfer(nil, Self.more))
        #expect(scanner.violation == .transfer(.noDeliveryID))
    }

    @Test func aSendingLinkThatCameAnotherWayTakesNoTransfer() {
        let scanner = Scanner()
        _ = scanner.send(.amqpHeader, .open(), .begin(["remote-channel": .ushort(0)]), .attach(sendingTo: "q"))
        #expect(scanner.receive(.flow(credit: 3)) == [.flow(credit: 3)])
        _ = scanner.receive(Self.transfer(0, Self.aborted))
        #expect(scanner.violation == .noLink(0))
    }
}

extension Frame {
    fileprivate static func attach(name: String, handle: UInt32 = 2, channel: UInt16 = 0) -> Frame {
        .attach(sendingTo: "q", name: name, handle: handle, channel: channel)
    }

    fileprivate func with(_ field: String, _ value: AMQPValue) -> Frame {
        var frame = self
        frame[field] = value
        return frame
    }
}

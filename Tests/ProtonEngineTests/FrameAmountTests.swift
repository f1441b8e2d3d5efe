// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// How much the layer of frames lets a peer have proton remember, and do, without any I/O.
struct FrameAmountTests {
    typealias Scanner = FrameScannerTests.Scanner

    // MARK: Values

    private static func map(_ pairs: Int) -> AMQPValue {
        .map(AMQPMap((0..<pairs).map { (.string("k\($0)"), .uint(1)) }))
    }

    private static func properties(_ value: AMQPValue) -> Frame {
        var frame = Frame.attach(sendingTo: "q")
        frame["properties"] = value
        return frame
    }

    /// An attach whose properties are these bytes.
    private static func attach(_ properties: [UInt8]) -> [UInt8] {
        // A name of one byte, handle 0, a sender; nothing else up to the properties.
        let fields: [UInt8] = [0xa1, 1, 0x78, 0x43, 0x42] + [UInt8](repeating: 0x40, count: 10) + properties
        let size = withUnsafeBytes(of: UInt32(fields.count + 4).bigEndian, Array.init)
        return Frame.framed([0, 0x53, 0x12, 0xd0] + size + [0, 0, 0, 14] + fields)
    }

    /// A list in a list, and so on.
    private static func nested(_ depth: Int) -> [UInt8] {
        (0..<depth).reduce([0x45]) { inner, _ in [0xc0, UInt8(inner.count + 1), 1] + inner }
    }

    static let refused: [[UInt8]] = [
        // An array of 2^32 - 1 nulls, and one of as many empty lists.
        [0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40], [0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x45],
        [0xf0, 0, 0, 0, 5, 0, 0, 4, 1, 0x41],
        // A list of such arrays, and a described one.
        [0xc0, 11, 1, 0xf0, 0, 0, 0, 5, 0, 0, 4, 0, 0x40], [0, 0x53, 1, 0xf0, 0, 0, 0, 5, 0, 0, 4, 1, 0x40],
        // Lists that say that they have more, or less.
        [0xc0, 2, 2, 0x40], [0xc0, 3, 1, 0x40, 0x40], [0xd0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40],
        // An array whose items go beyond its end; a list of a size beyond its own.
        [0xe0, 3, 2, 0x52, 1], [0xc0, 3, 1, 0xa1, 9],
        // No constructor of AMQP's.
        [0xc0, 2, 1, 0x10],
        // Nested too deep.
        nested(40),
    ]

    static let allowed: [[UInt8]] = [
        [0xe0, 2, 255, 0x40], [0x40], [0x45], [0xc1, 1, 0], [0xe0, 2, 250, 0x40], [0xe0, 4, 2, 0x52, 1, 2],
        [0xc0, 2, 1, 0x40],
        [0xf0, 0, 0, 0, 5, 0, 0, 3, 0, 0x41], [0xe0, 5, 2, 0xa1, 1, 0x78, 0],
        [0xe0, 6, 1, 0, 0x53, 1, 0x52, 9], [0xf0, 0, 0, 0, 7, 0, 0, 0, 1, 0xc0, 1, 0],
        nested(20),
    ]

    @Test(arguments: refused)
    func anAttachOfTooManyValuesIsRefused(_ properties: [UInt8]) {
        let scanner = Scanner()
        scanner.begin()
        #expect(scanner.receive(Self.attach(properties)).isEmpty)
        #expect(
            scanner.violation == .values(.attach, most: PerformativeRules.mostValues)
                || scanner.violation == .encoding(.attach))
    }

    @Test(arguments: allowed)
    func anAttachOfSomeValuesIsAllowed(_ properties: [UInt8]) {
        let scanner = Scanner()
        scanner.begin()
        let frame = Self.attach(properties)
        #expect(scanner.receive(frame) == frame)
    }

    @Test func theValuesOfAPerformativeAreCounted() {
        for (frame, isAllowed) in [
            (Self.properties(Self.map(500)), true), (Self.properties(Self.map(520)), false),
            (Frame.detach(error: Condition(.notFound, info: ["a": Self.map(50)])), true),
            (Frame.detach(error: Condition(.notFound, info: ["a": Self.map(70)])), false),
            (Frame.disposition(.rejected(Condition(.notFound, info: ["a": Self.map(50)])), 0), true),
            (Frame.disposition(.rejected(Condition(.notFound, info: ["a": Self.map(70)])), 0), false),
        ] {
            let scanner = Scanner()
            scanner.begin()
            if frame.kind == .detach { scanner.attach(isLocalSender: true) }
            #expect(scanner.receive(frame) == (isAllowed ? [frame] : []))
        }
    }

    @Test func whatAllLinksHoldIsBounded() {
        let scanner = Scanner(maxLinks: 1_024)
        scanner.begin()
        var count: UInt32 = 0
        while scanner.violation == nil, count < 1_000 {
            var frame = Self.properties(.string(String(repeating: "x", count: 60_000)))
            frame["name"] = .string("\(count)")
            frame["handle"] = .uint(count)
            _ = scanner.receive(frame)
            count += 1
        }
        #expect(scanner.violation == .linkMemory(limit: 16 << 20) && (270...280).contains(count))
    }

    @Test func linksThatAreOverHoldNothing() {
        let scanner = Scanner()
        scanner.begin()
        for round in 0..<600 {
            var frame = Self.properties(.string(String(repeating: "x", count: 60_000)))
            frame["name"] = .string("\(round)")
            _ = scanner.receive(frame, .detach())
            _ = scanner.send(.attach(receivingFrom: "q", name: "\(round)"), .detach())
        }
        #expect(scanner.violation == nil && scanner.linkCount == 0)
    }

    // MARK: Dispositions

    /// A scanner whose side has sent so many messages.
    private static func sent(_ count: UInt32) -> Scanner {
        let scanner = Scanner()
        scanner.begin()
        scanner.attach(isLocalSender: true)
        _ = scanner.receive(.flow(credit: count))
        for id in 0..<count { _ = scanner.send(.transfer(id, payload: [1])) }
        return scanner
    }

    private static func accepted(_ first: UInt32, _ last: UInt32? = nil, settled: Bool = true) -> Frame {
        .disposition(
            .accepted, first, ["last": last.map { .uint($0) } ?? .null, "settled": .boolean(settled)])
    }

    @Test func eachDeliveryMayBeNamedSomeTimes() {
        let scanner = Self.sent(5_000)
        for id in 0..<5_000 as Range<UInt32> {
            _ = scanner.receive(Self.accepted(id, settled: false), Self.accepted(id))
        }
        #expect(scanner.violation == nil)
    }

    @Test func allMayBeNamedAtOnceFromTheFirstOn() {
        let scanner = Self.sent(3_000)
        // A peer that says each time again what it has settled.
        for id in 0..<3_000 as Range<UInt32> { _ = scanner.receive(Self.accepted(0, id)) }
        #expect(scanner.violation == nil)
    }

    @Test(arguments: [true, false], [0, 0x7fff_fffe] as [UInt32])
    func rangesThatAreNamedAgainAndAgainAreRefused(_ isSettled: Bool, _ last: UInt32) {
        let scanner = Self.sent(1_000)
        let frame = Self.accepted(0, last == 0 ? 999 : last, settled: isSettled)
        let frames = (0..<400).flatMap { _ in frame.bytes }
        let received = Frame.parse(scanner.receive(frames))
        #expect(scanner.violation == .dispositions)
        #expect(received.count <= (DispositionCount.often * 1_000 + DispositionCount.spare) / 1_000 + 1)
    }

    @Test func aRangeThatEndsBeforeItBeginsIsForProton() {
        let scanner = Self.sent(1)
        let frame = Self.accepted(0, .max)
        #expect(scanner.receive(frame) == [frame])
    }

    @Test func aStateOfManyValuesCountsMore() {
        let scanner = Self.sent(1_000)
        let state = DeliveryState.rejected(Condition(.notFound, info: ["a": Self.map(50)]))
        for _ in 0..<20 where scanner.violation == nil {
            _ = scanner.receive(.disposition(state, 0, ["last": 999, "settled": false]))
        }
        #expect(scanner.violation == .dispositions)
    }
}

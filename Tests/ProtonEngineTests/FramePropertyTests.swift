// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// What holds for any frames: how they are cut does not matter, and nothing that comes stops the process.
struct FramePropertyTests {
    typealias Scanner = FrameScannerTests.Scanner

    /// Pseudo-random numbers by a seed: SplitMix64.
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
            return word ^ (word >> 31)
        }

        mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self) }
    }

    // MARK: Frames

    private static func state(_ random: inout Random) -> AMQPValue {
        let names: [Symbol] = ["amqp:accepted:list", "amqp:transactional-state:list", "amqp:unknown:list"]
        switch random.below(5) {
        case 0: return .null
        case 1: return DeliveryState.accepted.described
        case 2: return DeliveryState.transactional(id: [1], outcome: .released).described
        default:
            let name = names[random.below(3)]
            return .described(Described(descriptor: .symbol(name), value: .list([.binary([1, 2])])))
        }
    }

    private static func frame(_ random: inout Random) -> Frame {
        let channel = UInt16(random.below(3))
        let handle = UInt32(random.below(4))
        let name = "link-\(random.below(3))"
        switch random.below(12) {
        case 0: return .begin(channel: channel, random.below(2) == 0 ? [:] : ["remote-channel": .ushort(channel)])
        case 1: return .attach(sendingTo: "a", name: name, handle: handle, channel: channel)
        case 2: return .attach(receivingFrom: "a", name: name, handle: handle, channel: channel)
        case 3: return .detach(handle: handle, channel: channel)
        case 4, 5:
            let credit = [0, 1, 5, UInt32.max][random.below(4)]
            return .flow(
                credit: credit, handle: handle, channel: channel,
                [
                    "echo": .boolean(random.below(2) == 0), "drain": .boolean(random.below(2) == 0),
                    "delivery-count": .uint(UInt32(random.below(3))),
                ])
        case 6: return .end(channel: channel)
        case 7:
            var frame = Frame(.disposition, ["role": true, "first": 0], channel: channel)
            frame["state"] = state(&random)
            return frame
        case 8: return Frame(.empty)
        default:
            var frame = Frame.transfer(
                UInt32(random.below(300)), payload: [UInt8](repeating: 1, count: random.below(300)), handle: handle,
                channel: channel)
            frame["more"] = [.null, true, false][random.below(3)]
            frame["message-format"] = [.null, 0, 1, 0x8001_3700][random.below(4)]
            frame["state"] = state(&random)
            return frame
        }
    }

    private static func pieces(_ bytes: [UInt8], _ random: inout Random) -> [[UInt8]] {
        var rest = bytes[...]
        var pieces: [[UInt8]] = []
        while !rest.isEmpty {
            let count = min(rest.count, 1 + random.below(random.below(2) == 0 ? 8 : 2_000))
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }

    // MARK: Properties

    /// Frames of which none breaks a rule, after a header and an open.
    private static func allowed(_ count: Int, _ random: inout Random) -> [UInt8] {
        var bytes = Frame.amqpHeader.bytes + Frame.open().bytes + Frame.begin().bytes
        for _ in 0..<count {
            let next = bytes + frame(&random).bytes
            let scanner = Scanner()
            _ = scanner.receive(next)
            if scanner.violation == nil { bytes = next }
        }
        return bytes
    }

    @Test func howFramesAreCutDoesNotMatter() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = Random(state: seed)
        for round in 0..<200 {
            let isAllowed = round % 4 == 0
            let bytes = isAllowed ? Self.allowed(80, &random) : (0..<40).flatMap { _ in Self.frame(&random).bytes }
            let (whole, cut) = (Scanner(), Scanner())
            let expected = whole.receive(bytes)
            let received = Self.pieces(bytes, &random).flatMap { cut.receive($0) }
            let isSame = received == expected && whole.violation == cut.violation
            #expect(isSame, "seed \(seed), round \(round)")
            #expect(!isAllowed || whole.violation == nil, "seed \(seed), round \(round)")
            // What is written anew has its right size, and is a performative.
            let frames = Self.wholeFrames(expected)
            #expect(frames?.contains { $0.kind == .other } == false, "seed \(seed), round \(round)")
            // What goes out is what proton has written, and answers.
            let sent = Self.wholeFrames(Self.pieces(bytes, &random).flatMap { cut.send($0) }) ?? []
            let isKept = sent.filter { $0.kind != .flow } == Self.sent(bytes)
            #expect(isKept, "seed \(seed), round \(round)")
        }
    }

    /// What goes out of what proton has written, besides flows: a begin says the handle-max as well.
    private static func sent(_ bytes: [UInt8]) -> [Frame] {
        Frame.parse(bytes).filter { $0.kind != .flow }.map { frame in
            var frame = frame
            if frame.kind == .begin { frame["handle-max"] = .uint(FrameSession.handleMax) }
            return frame
        }
    }

    /// The frames in bytes; nil where there is something else.
    private static func wholeFrames(_ bytes: [UInt8]) -> [Frame]? {
        var rest = bytes[...]
        var frames: [Frame] = []
        while !rest.isEmpty {
            guard let frame = try? Frame.take(from: &rest) else { return nil }
            frames.append(frame)
        }
        return frames
    }

    @Test func transfersAreCountedAlikeHoweverTheyAreWritten() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = Random(state: seed)
        for round in 0..<500 {
            var frame = Self.frame(&random)
            while frame.kind != .transfer { frame = Self.frame(&random) }
            let bytes = frame.bytes + [UInt8](repeating: 0, count: PlainTransfer.room)
            let plain = bytes.withUnsafeBytes { bytes in bytes.baseAddress.flatMap { PlainTransfer($0 + 8) } }
            #expect(plain?.handle == frame["handle"].integer(as: UInt32.self), "seed \(seed), round \(round): \(frame)")
            #expect(plain?.isComplete == (frame["more"] != true), "seed \(seed), round \(round): \(frame)")
            let format = frame["message-format"].integer(as: UInt32.self) ?? 0
            #expect(
                plain?.needsReading == (format != 0 || frame["state"] != .null),
                "seed \(seed), round \(round): \(frame)")
            #expect(plain?.deliveryID == frame["delivery-id"].integer(as: UInt32.self), "seed \(seed): \(frame)")
            guard plain?.needsReading == false else { continue }
            #expect(plain?.size == frame.bytes.count - frame.payload.count - 8, "seed \(seed): \(frame)")
        }
    }

    @Test func dispositionsAreReadAlikeHoweverTheyAreWritten() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = Random(state: seed)
        for round in 0..<500 {
            let flags: [AMQPValue] = [.null, true, false]
            let states: [AMQPValue] = [
                .null, DeliveryState.accepted.described, DeliveryState.released.described,
                DeliveryState.rejected(nil).described,
                DeliveryState.received(sectionNumber: 1, sectionOffset: 2).described,
            ]
            let (first, last) = (UInt32(random.below(300)), UInt32(random.below(70_000)))
            let fields: [AMQPValue] = [
                flags[1 + random.below(2)], .uint(first), random.below(2) == 0 ? .null : .uint(last),
                flags[random.below(3)], states[random.below(5)], flags[random.below(3)],
            ]
            let names = ["role", "first", "last", "settled", "state", "batchable"]
            var frame = Frame(.disposition)
            for (name, field) in zip(names, fields).prefix(3 + random.below(4)) { frame[name] = field }
            let bytes = frame.bytes
            let plain = bytes.withUnsafeBytes { bytes in
                bytes.baseAddress.flatMap { PlainDisposition($0 + 8, limit: bytes.count - 8) }
            }
            guard let plain else { continue }
            #expect(plain.isReceiver == (frame["role"] == true), "seed \(seed), round \(round): \(frame)")
            #expect(plain.first == first, "seed \(seed), round \(round): \(frame)")
            #expect(plain.last == (frame["last"] == .null ? first : last), "seed \(seed), round \(round): \(frame)")
            #expect(plain.isSettled == (frame["settled"] == true), "seed \(seed), round \(round): \(frame)")
            #expect([states[0], states[1], states[2], states[3]].contains(frame["state"]), "seed \(seed): \(frame)")
            // A byte less is none: nothing is read beyond the frame.
            let cut = bytes.withUnsafeBytes { bytes in
                bytes.baseAddress.flatMap { PlainDisposition($0 + 8, limit: bytes.count - 9) }
            }
            #expect(cut == nil, "seed \(seed), round \(round): \(frame)")
        }
    }

    @Test func theDispositionsOfBusyConnectionsArePlain() {
        for state in [DeliveryState.accepted, .released] {
            let bytes = Frame.disposition(state, 300, ["last": 70_000, "batchable": true]).bytes
            let plain = bytes.withUnsafeBytes { bytes in
                bytes.baseAddress.flatMap { PlainDisposition($0 + 8, limit: bytes.count - 8) }
            }
            #expect(plain?.last == 70_000)
        }
    }

    @Test func nothingThatComesStopsTheProcess() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = Random(state: seed)
        for _ in 0..<300 {
            let scanner = Scanner(maxFrameSize: 2_000, maxSessions: 2, maxLinks: 2)
            for _ in 0..<20 {
                var bytes = Self.frame(&random).bytes
                // The size stays what it is, so that more than the header is looked at.
                for _ in 0..<random.below(4) {
                    let place = 4 + random.below(bytes.count - 4)
                    bytes[place] =
                        random.below(2) == 0 ? UInt8(random.below(256)) : [0, 0x40, 0xd0, 0xff][random.below(4)]
                }
                if random.below(2) == 0 { _ = scanner.receive(bytes) } else { _ = scanner.send(bytes) }
            }
        }
    }
}

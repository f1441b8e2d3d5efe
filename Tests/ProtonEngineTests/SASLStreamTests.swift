// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// What comes and goes before SASL is done, by its bytes.
struct SASLStreamTests {
    // MARK: Frames

    @Test(
        arguments: [
            .mechanisms(["PLAIN", "SCRAM-SHA-256"]), .mechanisms([]), .initialize(mechanism: "X", response: nil),
            .initialize(mechanism: "PLAIN", response: [0, 1, 2]), .initialize(mechanism: "", response: []),
            .challenge([]), .challenge([UInt8](repeating: 7, count: 5_000)), .response([1]),
            .outcome(code: 0, data: nil),
            .outcome(code: 4, data: [9]),
        ] as [SASLFrame])
    func framesAreReadAsTheyAreWritten(_ frame: SASLFrame) throws {
        var input = SASLInput(maxFrameSize: 65_536)
        for byte in frame.encoded {
            #expect(try input.nextFrame() == nil)
            withUnsafeBytes(of: byte) { input.append($0) }
        }
        #expect(try input.nextFrame() == frame)
        #expect(try input.nextFrame() == nil)
    }

    @Test func oneMechanismNeedsNoArray() throws {
        let frames = [
            Frame(.saslMechanisms, ["sasl-server-mechanisms": .symbol("PLAIN")]), Frame(.saslMechanisms),
            Frame(.saslResponse), Frame(.saslInit, ["mechanism": .symbol("X"), "hostname": "h"]),
        ]
        var input = SASLInput(maxFrameSize: 512)
        frames.flatMap(\.bytes).withUnsafeBytes { input.append($0) }
        #expect(try input.nextFrame() == .mechanisms(["PLAIN"]))
        #expect(try input.nextFrame() == .mechanisms([]))
        #expect(try input.nextFrame() == .response([]))
        #expect(try input.nextFrame() == .initialize(mechanism: "X", response: nil))
    }

    @Test(
        arguments: [
            ([0, 0, 0, 7, 2, 1, 0, 0], .noFrame), ([0, 0, 0, 9, 1, 1, 0, 0], .noFrame),
            ([0, 0, 0, 9, 3, 1, 0, 0], .noFrame), ([0, 0, 2, 1, 2, 1, 0, 0], .frameSize(limit: 512)),
            ([0, 0, 0, 9, 2, 0, 0, 0], .early), ([0, 0, 0, 9, 2, 2, 0, 0], .early),
            ([0, 0, 0, 9, 2, 1, 0, 0, 0x40], .encoding),
            (SASLHostileBytesTests.frame(type: 1, [0x53, 0x41], [0x45]), .encoding),
            (SASLHostileBytesTests.frame(type: 1, [0x53, 0x10], [0x45]), .encoding),
        ] as [([UInt8], SASLInput.Violation)])
    func whatIsNoFrameOfSASL(_ bytes: [UInt8], _ violation: SASLInput.Violation) {
        var input = SASLInput(maxFrameSize: 512)
        // Frames without a body are passed over, of whatever type.
        ([0, 0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 12, 3, 1, 0, 0, 1, 2, 3, 4] + bytes).withUnsafeBytes { input.append($0) }
        #expect(throws: violation) { try input.nextFrame() }
    }

    @Test func headers() throws {
        var input = SASLInput(maxFrameSize: 512)
        Array("AMQP".utf8).withUnsafeBytes { input.append($0) }
        #expect(try !input.takeHeader(.sasl))
        ([3, 1, 0, 0] as [UInt8]).withUnsafeBytes { input.append($0) }
        #expect(try input.takeHeader(.sasl) && input.takeRest().isEmpty)
        for (bytes, layer) in [
            (Array("HTT".utf8), .sasl), (Array("AMQP".utf8) + [0, 1, 0, 0], .sasl),
            (Array("AMQP".utf8) + [3, 1, 0, 0], .amqp),
        ] as [([UInt8], SASLInput.ProtocolLayer)] {
            var other = SASLInput(maxFrameSize: 512)
            bytes.withUnsafeBytes { other.append($0) }
            let violation = #expect(throws: SASLInput.Violation.self) { try other.takeHeader(layer) }
            #expect(violation == .header(layer, bytes))
            #expect(violation?.condition.description?.contains("['\(bytes.quoted)']") == true)
        }
    }

    // MARK: What waits

    /// AMQP's header and frames wait as they are, however they are cut; frames without a body are dropped.
    @Test(arguments: [1, 2, 3, 7, 8, 9, 1_000])
    func whatWaits(_ size: Int) {
        let empty: [UInt8] = [0, 0, 0, 8, 2, 0, 0, 0]
        let (open, begin) = (Frame.open().bytes, Frame.begin().bytes)
        let bytes = Frame.header + empty + open + empty + empty + begin + empty
        var output = SASLOutput()
        for start in stride(from: 0, to: bytes.count, by: size) {
            bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { output.hold($0) }
        }
        output.post([1, 2])
        output.post([3])
        var store = ByteStore()
        var held: [UInt8] = []
        output.takePosted(to: &store)
        output.takePosted(to: &store)
        output.release { held += $0 }
        output.release { held += $0 }
        let (posted, isWhole, dropped) = (Array(store.bytes), output.isWhole, output.dropped)
        #expect(posted == [1, 2, 3] && held == Frame.header + open + begin && isWhole && dropped == 4)
    }

    @Test func anIdleTimeoutIsPutIntoAnOpenThatHasNone() throws {
        for (frame, expected) in [
            (Frame.open("x"), AMQPValue.uint(.max)), (.open("x", ["idle-time-out": 0]), .uint(.max)),
            (.open("x", ["idle-time-out": 9]), .uint(9)),
        ] {
            var bytes = frame.bytes + Frame.begin().bytes
            SASLLayer.setIdleTimeout(ofOpenIn: &bytes)
            let frames = Frame.parse(bytes)
            #expect(frames.map(\.kind) == [.open, .begin] && frames[0]["idle-time-out"] == expected)
            #expect(frames[0]["container-id"] == "x")
        }
        for other in [Frame.begin().bytes, [], Array(Frame.open().bytes.dropLast()), [0, 0, 0, 9, 200, 0, 0, 0, 0]] {
            var bytes = other
            SASLLayer.setIdleTimeout(ofOpenIn: &bytes)
            #expect(bytes == other)
        }
    }
}

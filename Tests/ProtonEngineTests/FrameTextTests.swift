// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// Frames as lines.
struct FrameTextTests {
    private static func line(_ frame: Frame, isIncoming: Bool = false, payload: Int = 0) -> String {
        FrameText.line(frame.bytes, isIncoming: isIncoming, payload: payload)
    }

    private static func bytes(_ text: String) -> AMQPValue { .binary(Array(text.utf8)) }

    @Test func framesOfAMQP() {
        #expect(Self.line(.amqpHeader) == "  -> AMQP" && Self.line(.saslHeader, isIncoming: true) == "  <- SASL")
        #expect(Self.line(Frame(.empty)) == "0 -> (EMPTY FRAME)")
        #expect(Self.line(Frame(.end, channel: 1)) == "1 -> @end(23) []")
        #expect(
            Self.line(Frame(.open, ["container-id": "a \"b\"\n", "max-frame-size": 512]), isIncoming: true)
                == #"0 <- @open(16) [container-id="a \x22b\x22\x0a", max-frame-size=0x200]"#)
        let source = AMQPValue.described(
            Described(descriptor: .ulong(0x28), value: .list(["q", .null, .symbol("link-detach")])))
        #expect(
            Self.line(Frame(.attach, ["name": "x", "role": true, "source": source, "properties": ["a b": -1]]))
                == #"0 -> @attach(18) [name="x", role=true, source=@source(40) [address="q", expiry-policy=:link-detach], "#
                + #"properties={"a b"=-1}]"#)
        #expect(
            Self.line(Frame(.begin, ["offered-capabilities": .array(AMQPArray(["a", "b c", ""] as [Symbol]))]))
                == #"0 -> @begin(17) [offered-capabilities=@<symbol>[:a, :"b c", :""]]"#)
    }

    @Test func logInsAreHidden() {
        #expect(
            Self.line(.saslMechanisms("PLAIN", "X"), isIncoming: true)
                == "0 <- @sasl-mechanisms(64) [sasl-server-mechanisms=@<symbol>[:PLAIN, :X]]")
        #expect(
            Self.line(.saslInit("PLAIN", response: Array("\0me\0sesame".utf8)))
                == "0 -> @sasl-init(65) [mechanism=:PLAIN, …]")
        #expect(Self.line(Frame(.saslInit, ["initial-response": Self.bytes("sesame")])) == "0 -> @sasl-init(65) […]")
        #expect(Self.line(Frame(.saslChallenge, ["challenge": Self.bytes("r=a")])) == "0 -> @sasl-challenge(66) […]")
        #expect(Self.line(Frame(.saslResponse, ["response": Self.bytes("r=a")])) == "0 -> @sasl-response(67) […]")
        #expect(Self.line(.saslOutcome(0)) == "0 -> @sasl-outcome(68) [code=0x0]")
        let other = Frame(.other, payload: [0, 0x53, 0x41, 0xa1, 6] + Array("sesame".utf8)).bytes
        #expect(!FrameText.line(other[..<5] + [1] + other[6...], isIncoming: true, payload: 99).contains("sesame"))
    }

    @Test func thePayloadIsBounded() {
        let frame = Frame(
            .transfer, ["handle": 0, "delivery-tag": Self.bytes("] (9) ")], payload: Array("abc\u{1}".utf8))
        let fields = #"0 -> @transfer(20) [handle=0x0, delivery-tag=b"] (9) "] (4)"#
        #expect(Self.line(frame) == fields)
        #expect(Self.line(frame, payload: 2) == fields + " ab…")
        #expect(Self.line(frame, payload: 7) == fields + #" abc\x01"#)
    }

    @Test func linesAreBounded() {
        let long = String(repeating: "x", count: 100_000)
        let values = AMQPValue.list([AMQPValue](repeating: .string(long), count: 20))
        for value in [.string(long), .symbol(Symbol(long)), Self.bytes(long), values, .map([.string(long): values])]
            as [AMQPValue]
        {
            #expect(Self.line(Frame(.open, ["properties": value])).utf8.count < 5_000)
        }
    }

    /// What no frame is, or is none of AMQP's: it is only to be told of.
    @Test func malformedFrames() {
        for (name, value) in SASLHostileBytesTests.values {
            for type: UInt8 in [0, 1] {
                for code in 0...UInt8.max {
                    let frame = SASLHostileBytesTests.frame(type: type, [0x53, code], value)
                    let line = FrameText.line(frame, isIncoming: true, payload: 1_024)
                    #expect(line.hasPrefix("0 <- ") && line.utf8.count < 6_500, "\(name)")
                }
            }
        }
        #expect(
            FrameText.line([0, 0, 0, 9, 2, 0, 0, 0, 0], isIncoming: true, payload: 9) == "0 <- (malformed, 1 bytes)")
        #expect(FrameText.line([0, 0, 0, 8, 200, 0, 0, 0], isIncoming: true, payload: 9) == "0 <- (EMPTY FRAME)")
        #expect(FrameText.line([1, 2], isIncoming: true, payload: 9) == "  <- (no frame)")
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// Messages whose encoding comes in pieces, cut at every place.
struct MessagePiecesTests {
    private static func take(_ pieces: [[UInt8]], maxKept: Int = 1 << 20) throws -> (Message?, [UInt8]) {
        var parser = MessagePieces(limits: .default, maxKept: maxKept)
        var (message, data): (Message?, [UInt8]) = (nil, [])
        for piece in pieces {
            for part in try parser.add(piece) {
                switch part {
                case .head(let head):
                    #expect(message == nil)
                    message = head
                case .data(let bytes): data += bytes
                }
            }
        }
        if let whole = try parser.finish() {
            #expect(message == nil)
            message = whole
        }
        return (message, data)
    }

    /// The bytes in two pieces, cut at each place, and one by one.
    private static func cuts(_ bytes: [UInt8]) -> [[[UInt8]]] {
        (0...bytes.count).map { [Array(bytes[..<$0]), Array(bytes[$0...])] } + [bytes.map { [$0] }]
    }

    @Test func dataComesAsItIs() throws {
        var message = Message(body: .dataSections([[1, 2, 3], [], Array(repeating: 9, count: 300)]))
        message.subject = "s"
        message.properties["a"] = 1
        message.annotations["b"] = "c"
        for pieces in Self.cuts(try message.encoded()) {
            let (head, data) = try Self.take(pieces)
            #expect(head?.subject == "s" && head?.properties["a"] == 1 && head?.annotations["b"] == "c")
            #expect(data == [1, 2, 3] + Array(repeating: 9, count: 300))
        }
    }

    @Test func aBodyAlone() throws {
        for pieces in Self.cuts(try Message(body: .data([7])).encoded()) {
            let (head, data) = try Self.take(pieces)
            #expect(head != nil && data == [7])
        }
    }

    @Test func aFooterIsChecked() throws {
        let data: [UInt8] = [0x00, 0x53, 0x75, 0xa0, 1, 5]
        let footer: [UInt8] = [0x00, 0x53, 0x78, 0xc1, 1, 0]
        for pieces in Self.cuts(data + footer) {
            #expect(try Self.take(pieces).1 == [5])
        }
        #expect(throws: CodecError.self) { try Self.take([data + [0x00, 0x53, 0x78, 0xc1, 2, 1]]) }
    }

    @Test func whatIsNoDataComesWhole() throws {
        for body in [Message.Body.value("text"), .sequence([1, 2])] {
            var message = Message(body: body)
            message.subject = "s"
            for pieces in Self.cuts(try message.encoded()) {
                let (whole, data) = try Self.take(pieces)
                #expect(whole?.body == body && whole?.subject == "s" && data.isEmpty)
            }
        }
    }

    @Test(
        arguments: [
            [], [0x00], [0x01, 0x53, 0x75, 0xa0], [0x00, 0x54, 0x75, 0xa0], [0x00, 0x53, 0x79, 0xa0],
            [0x00, 0x53, 0x75, 0x40, 0x00], [0x00, 0x53, 0x75, 0xa0, 2, 1], [0x00, 0x53, 0x70, 0x40, 0x00],
            [0x00, 0x53, 0x75, 0xa0, 1, 5, 0x00, 0x53, 0x77, 0x40], [0x00, 0x53, 0x75, 0xa0, 1, 5, 0x00],
            [0x00, 0x53, 0x73, 0x45, 0x00, 0x53, 0x70, 0x45, 0x00, 0x53, 0x75, 0xa0, 0],
        ] as [[UInt8]])
    func whatIsNoMessage(_ bytes: [UInt8]) {
        for pieces in Self.cuts(bytes) {
            #expect(throws: CodecError.self) { try Self.take(pieces) }
        }
    }

    /// What has to be kept is bounded; data is not.
    @Test func theBoundOfWhatIsKept() throws {
        let value = try Message(body: .value(.string(String(repeating: "x", count: 2_000)))).encoded()
        #expect(throws: CodecError.self) { try Self.take(value.map { [$0] }, maxKept: 1_000) }
        let data = try Message(body: .data(Array(repeating: 1, count: 2_000))).encoded()
        #expect(try Self.take(data.map { [$0] }, maxKept: 1_000).1.count == 2_000)
        #expect(try Self.take([data], maxKept: 3_000).1.count == 2_000)
    }
}

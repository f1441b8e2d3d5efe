// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// The sections before the body of a message, read without the body.
struct MessageHeadTests {
    private static let value: [UInt8] = [0x00, 0x53, 0x77, 0x40]

    @Test func whatStandsBeforeTheBodyIsRead() throws {
        let message = Message(
            id: 7, body: "text", properties: ["colour": "red"], annotations: ["x-opt-a": 1], isDurable: true,
            footer: ["x-opt-f": 2])
        let bytes = try message.encoded()
        let size = try Message.headSize(of: bytes)
        #expect(bytes[size...].starts(with: [0x00, 0x53, 0x77]))
        let head = try Message(decodingHeadOf: bytes)
        #expect(head.id == 7 && head.properties == ["colour": "red"] && head.annotations == ["x-opt-a": 1])
        #expect(head.isDurable && head.body == .null && head.footer.isEmpty)
    }

    /// The body and what follows it may be anything.
    @Test(
        arguments: [
            [], [0x00, 0x53, 0x75, 0xa0, 200], [0x00, 0x53, 0x77], [0x00, 0x53, 0x77, 0x40, 0x00, 0x53, 0x70, 0x45],
        ] as [[UInt8]])
    func theBodyIsNotLookedAt(body: [UInt8]) throws {
        let head: [UInt8] = [0x00, 0x53, 0x74, 0xc1, 5, 2, 0xa1, 1, 0x61, 0x41]
        #expect(try Message.headSize(of: head + body) == head.count)
        #expect(try Message(decodingHeadOf: head + body).properties == ["a": true])
    }

    @Test func aBodyAloneHasNoHead() throws {
        for code in 0x75...0x78 as ClosedRange<UInt8> {
            #expect(try Message.headSize(of: [0x00, 0x53, code]) == 0)
            #expect(try Message(decodingHeadOf: [0x00, 0x53, code]) == Message())
        }
        #expect(try Message.headSize(of: [0x00, 0xa3, 17] + Array("amqp:amqp-value:*".utf8)) == 0)
    }

    @Test(
        arguments: [
            ([], "no bytes"), ([0x40], "descriptor"), ([0x00, 0x53, 0x79, 0x40], "no section"),
            ([0x00, 0x53, 0x70, 0x45, 0x00, 0x53, 0x70, 0x45], "out of order"),
            ([0x00, 0x53, 0x73, 0x45, 0x00, 0x53, 0x72, 0xc1, 1, 0], "out of order"),
            ([0x00, 0x53, 0x70, 0xc0, 3, 1, 0x50, 1], "header"), ([0x00, 0x53, 0x73, 0xc0, 9, 1, 0x41], "left"),
            ([0x00, 0x53, 0x72, 0xc1, 5, 2, 0xa1, 1, 0x61, 0x41], "neither a symbol nor a ulong"),
            ([0x00, 0x53, 0x71, 0xc1, 3, 2, 0x43, 0x41], "neither a symbol nor a ulong"),
            ([0x00, 0x53, 0x74, 0xc1, 5, 2, 0xa3, 1, 0x61, 0x41], "no string"),
            ([0x00, 0x53, 0x74, 0xc1, 5, 2, 0xa1, 1, 0x61, 0x45], "a list, a map or an array"),
        ] as [([UInt8], String)])
    func whatIsWrongIsSaid(head: [UInt8], reason: String) {
        for bytes in head.isEmpty ? [head] : [head, head + MessageHeadTests.value] {
            let error = #expect(throws: CodecError.self) { try Message.headSize(of: bytes) }
            #expect(error?.message.contains(reason) == true, "\(error as Any)")
            #expect(throws: CodecError.self) { try Message(decodingHeadOf: bytes) }
        }
    }

    /// What the whole message is valid for, its head is too, and says the same.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func theHeadOfAnyMessageSaysTheSame(seed: UInt64) throws {
        var generator = PropertyGenerator(seed: seed)
        for _ in 0..<200 {
            let message = generator.message()
            let head = try Message(decodingHeadOf: try message.encoded())
            #expect(head.properties == message.properties && head.annotations == message.annotations, "seed \(seed)")
            #expect(head.id == message.id && head.deliveryCount == message.deliveryCount, "seed \(seed)")
            #expect(head.deliveryAnnotations == message.deliveryAnnotations, "seed \(seed)")
        }
    }
}

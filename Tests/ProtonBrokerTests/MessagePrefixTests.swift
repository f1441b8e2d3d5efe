// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

@testable import ProtonBroker

/// What a queue reads of an encoded message, against what decoding all of it finds.
struct MessagePrefixTests {
    /// The descriptors of a section in their three forms (AMQP 1.0, 1.1.2 and 3.2).
    private static func descriptors(_ code: UInt8, _ name: String) -> [[UInt8]] {
        [
            [0x00, 0x53, code], [0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, code],
            [0x00, 0xa3, UInt8(name.utf8.count)] + Array(name.utf8),
        ]
    }

    private static let body: [UInt8] = [0x00, 0x53, 0x77, 0x40]

    private func expectAsDecoded(_ bytes: [UInt8]) throws {
        let (message, prefix) = (try Message(decoding: bytes), MessagePrefix(bytes))
        #expect(prefix.isDurable == message.isDurable)
        #expect(prefix.priority == message.priority)
        #expect(prefix.timeToLive.map { .milliseconds($0) } == message.timeToLive)
        #expect(prefix.isFirstAcquirer == message.isFirstAcquirer)
        #expect(prefix.deliveryCount == message.deliveryCount)
        #expect(prefix.expiryTime == message.expiryTime.flatMap { $0.milliseconds > 0 ? $0.milliseconds : nil })
    }

    @Test(
        arguments: [
            [0x45], [0xc0, 1, 0], [0xc0, 2, 1, 0x41], [0xc0, 3, 1, 0x56, 1], [0xc0, 4, 2, 0x42, 0x50, 7],
            [0xc0, 4, 2, 0x40, 0x50, 255], [0xc0, 4, 3, 0x40, 0x40, 0x43], [0xc0, 5, 3, 0x40, 0x40, 0x52, 9],
            [0xc0, 9, 3, 0x41, 0x50, 1, 0x70, 0, 1, 2, 3], [0xc0, 7, 5, 0x41, 0x50, 3, 0x40, 0x41, 0x43],
            [0xc0, 7, 5, 0x40, 0x40, 0x40, 0x42, 0x52, 200],
            [0xc0, 10, 5, 0x40, 0x40, 0x40, 0x41, 0x70, 0xff, 0xff, 0xff, 0xff],
            [0xd0, 0, 0, 0, 8, 0, 0, 0, 3, 0x41, 0x50, 9, 0x43], [0xd0, 0, 0, 0, 4, 0, 0, 0, 0],
        ] as [[UInt8]])
    func readsTheHeader(_ list: [UInt8]) throws {
        for descriptor in Self.descriptors(0x70, "amqp:header:list") {
            try expectAsDecoded(descriptor + list + Self.body)
        }
    }

    /// Sections in front of the body, and whether annotations may be among them.
    @Test(
        arguments: [
            ([], false), ([0x00, 0x53, 0x70, 0x45], false), ([0x00, 0x53, 0x70, 0xc0, 2, 1, 0x41], false),
            ([0x00, 0x53, 0x72, 0xc1, 1, 0], true), ([0x00, 0x53, 0x71, 0xc1, 1, 0], true),
            ([0x00, 0x53, 0x70, 0x45, 0x00, 0x53, 0x72, 0xc1, 1, 0], true),
            ([0x00, 0x53, 0x70, 0xc0, 2, 1, 0x41, 0x00, 0x53, 0x72, 0xc1, 1, 0], true),
            ([0x00, 0x53, 0x70, 0x45, 0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x72, 0xc1, 1, 0], true),
            ([0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x72, 0xc1, 1, 0], true), ([0x00, 0x53, 0x73, 0x45], false),
        ] as [([UInt8], Bool)])
    func seesAnnotations(_ sections: [UInt8], _ hasAnnotations: Bool) throws {
        try expectAsDecoded(sections + Self.body)
        #expect(MessagePrefix(sections + Self.body).mayHaveAnnotations == hasAnnotations)
    }

    /// The ninth field of the properties, behind fields of every width.
    @Test(arguments: [nil, .min, -1, 0, 1, 1_700_000_000_000, .max] as [Int64?])
    func readsWhenAMessageExpires(time: Int64?) throws {
        let texts = [nil, "", "x", String(repeating: "x", count: 300)]
        for text in texts {
            for hasHeader in [false, true] {
                var message = Message(body: "a", isDurable: hasHeader)
                message.expiryTime = time.map { Timestamp(milliseconds: $0) }
                message.id = text.map { .string($0) }
                (message.address, message.subject, message.replyTo) = (text, text, text)
                message.userID = text.map { Array($0.utf8) }
                message.groupID = "group"
                if hasHeader { message.annotations["x-opt-long"] = .string(text ?? "") }
                let bytes = try message.encoded()
                try expectAsDecoded(bytes)
                for descriptor in Self.descriptors(0x73, "amqp:properties:list").dropFirst() {
                    guard let index = bytes.firstRange(of: [0x00, 0x53, 0x73]) else { continue }
                    try expectAsDecoded(Array(bytes[..<index.lowerBound]) + descriptor + bytes[index.upperBound...])
                }
            }
        }
    }

    /// A message with all that there is, cut at each place.
    private static func fullMessage() throws -> [UInt8] {
        var message = Message(body: "body", isDurable: true, priority: 9, timeToLive: .seconds(5))
        message.deliveryCount = 7
        message.annotations = ["x-opt-delivery-delay": 5, "x-opt-text": .string(String(repeating: "a", count: 300))]
        message.id = .string("id")
        message.expiryTime = Timestamp(milliseconds: 1_700_000_000_000)
        message.properties = ["colour": "red"]
        return try message.encoded()
    }

    @Test func bytesThatEndTooEarlyAreNoHarm() throws {
        let bytes = try Self.fullMessage()
        #expect(MessagePrefix(bytes).expiryTime == 1_700_000_000_000)
        for count in 0...bytes.count {
            let prefix = MessagePrefix(Array(bytes[..<count]))
            #expect(prefix.headerEnd <= count)
            var message = QueuedMessage(bytes: Array(bytes[..<count]), position: 0)
            message.failures = 1
            message.wasAcquired = true
            _ = message.encoded(at: 0)
            _ = message.deadLetter(from: "q", .expired)
            _ = DeliveryTime(message.bytes)
        }
    }

    /// Any byte of a message may be any other.
    @Test(arguments: 0..<4 as Range<UInt64>) func bytesThatAreWrongAreNoHarm(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let bytes = try Self.fullMessage()
        for _ in 0..<3_000 {
            var wrong = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = min(
                    Int.random(in: 0..<bytes.count, using: &random), .random(in: 0..<bytes.count, using: &random))
                wrong[index] =
                    [.random(in: 0...255, using: &random), 0xff, 0x00, 0xd0].randomElement(using: &random) ?? 0
            }
            var message = QueuedMessage(bytes: wrong, position: 0)
            message.failures = .max
            message.wasAcquired = true
            _ = message.encoded(at: .max)
            // What decodes is read as decoding does, but for what is behind a section that is cut short.
            let (prefix, decoded) = (MessagePrefix(wrong), try? Message(decoding: wrong))
            if let decoded { #expect(prefix.isDurable == decoded.isDurable, "seed \(seed), \(wrong)") }
        }
        for _ in 0..<3_000 {
            let rest = (0..<Int.random(in: 0...20, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
            }
            _ = MessagePrefix([0x00, 0x53, [0x70, 0x71, 0x72, 0x73].randomElement(using: &random) ?? 0] + rest)
            _ = MessagePrefix([0x00] + rest)
        }
        #expect(MessagePrefix([0x00, 0x53, 0x70, 0xc0, 9, 3, 0x99]).priority == 4)
        #expect(MessagePrefix([]) == MessagePrefix([0]))
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonBroker

/// What selectors read of an encoded message, and what that takes.
struct MessageContentTests {
    private static let all = SelectorField.allCases.reduce([.applicationProperties, .annotations] as SelectorParts) {
        $0.union(SelectorParts($1))
    }

    @Test func onlyWhatIsAskedForIsRead() throws {
        let bytes = try Message(body: 1, subject: "s", properties: ["a": 1], annotations: ["x": 2]).encoded()
        let fields = MessageContent(bytes, SelectorParts(.subject)).subject(failures: 0)
        #expect(fields.field(.subject) == .string("s") && fields.field(.priority) == .null)
        #expect(fields.applicationProperty("a") == nil && fields.annotation("x") == nil)
        let more = MessageContent(bytes, adding: .annotations, to: MessageContent(bytes, SelectorParts(.subject)))
        #expect(more.parts == [.annotations, SelectorParts(.subject)])
        #expect(more.subject(failures: 0).annotation("x") == 2 && more.subject(failures: 0).field(.subject) != .null)
    }

    @Test func everyFieldIsRead() throws {
        let message = Message(
            id: "id", body: 1, address: "to", subject: "s", replyTo: "r", correlationID: 5, contentType: "t",
            contentEncoding: "e", isDurable: true, priority: 7, timeToLive: .milliseconds(9), isFirstAcquirer: true,
            deliveryCount: 2, userID: Array("u".utf8), expiryTime: Timestamp(milliseconds: 10),
            creationTime: Timestamp(milliseconds: 11), groupID: "g", groupSequence: 12, replyToGroupID: "rg")
        let subject = MessageContent(try message.encoded(), MessageContentTests.all).subject(failures: 1)
        let expected: [SelectorField: SelectorValue] = [
            .durable: .boolean(true), .priority: .exact(7), .timeToLive: .exact(9), .firstAcquirer: .boolean(true),
            .deliveryCount: .exact(3), .messageID: .string("id"), .userID: .string("u"), .to: .string("to"),
            .subject: .string("s"), .replyTo: .string("r"), .correlationID: .exact(5), .contentType: .string("t"),
            .contentEncoding: .string("e"), .absoluteExpiryTime: .exact(10), .creationTime: .exact(11),
            .groupID: .string("g"), .groupSequence: .exact(12), .replyToGroupID: .string("rg"),
            .deliveryMode: .string("PERSISTENT"), .deliveryNumber: .exact(4), .redelivered: .boolean(true),
        ]
        for field in SelectorField.allCases { #expect(subject.field(field) == expected[field], "\(field)") }
    }

    @Test func addedAnnotationsReplaceThoseThatCame() throws {
        let bytes = try Message(body: 1, annotations: ["x-opt-a": 1, "x-opt-b": 2]).encoded()
        let selector = try Selector("m.x-opt-a = 5 AND m.x-opt-b = 2 AND m.x-opt-c = 6")
        let content = MessageContent(bytes, selector.parts)
        #expect(!selector.matches(content.subject(failures: 0)))
        #expect(selector.matches(content.subject(failures: 0, adding: ["x-opt-a": 5, "x-opt-c": 6])))
    }

    /// So that a consumer of every priority gets them, say, and finds out.
    @Test func bytesThatAreNoMessageReadAsAnEmptyOne() throws {
        let selector = try Selector("a IS NULL AND JMSPriority = 4 AND m.x IS NULL AND JMSType IS NULL")
        for bytes in [[], [0xff], [0x00, 0x53, 0x74, 0xc1]] as [[UInt8]] {
            #expect(selector.matches(MessageContent(bytes, selector.parts).subject(failures: 3)))
        }
    }

    /// The estimate grows with what is kept, is not below the bytes of it, and leaves the body out.
    @Test func memoryIsEstimated() throws {
        func memory(_ message: Message, _ parts: SelectorParts = MessageContentTests.all) throws -> Int {
            MessageContent(try message.encoded(), parts).memory
        }
        let least = try memory(Message(body: 1))
        #expect(least > 0 && least < 2_048)
        #expect(try memory(Message(body: .data([UInt8](repeating: 0, count: 100_000)))) == least)
        let text = String(repeating: "x", count: 10_000)
        #expect(try (10_000...11_000).contains(memory(Message(body: 1, subject: text)) - least))
        #expect(try (10_000...11_000).contains(memory(Message(body: 1, properties: ["a": .string(text)])) - least))
        let symbol = AMQPValue.symbol(Symbol(text))
        #expect(try (10_000...11_000).contains(memory(Message(body: 1, annotations: ["a": symbol])) - least))
        let list = AMQPValue.list([.binary([UInt8](repeating: 1, count: 10_000)), .map([1: .string(text)])])
        #expect(try (20_000...22_000).contains(memory(Message(body: 1, annotations: ["a": list])) - least))
        #expect(try memory(Message(body: 1, properties: ["a": .string(text)]), SelectorParts(.priority)) < least)
        let many = ApplicationProperties((0..<1_000).map { ("key\($0)", AMQPValue.long($0)) })
        #expect(try memory(Message(body: 1, properties: many)) - least > 40_000)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

/// Messages: sections, fields, and the bytes they come in.
struct MessageTests {
    static let full = Message(
        id: 1, body: .data([1, 2, 3]), address: "examples", subject: "subject", replyTo: "replies",
        correlationID: "c", properties: ["key": "value", "seq": 17], annotations: ["x-opt-a": 1, 5: true],
        contentType: "text/plain", contentEncoding: "gzip", isDurable: true, priority: 7, timeToLive: .seconds(5),
        isFirstAcquirer: true, deliveryCount: 3, userID: [9], expiryTime: 5, creationTime: 6, groupID: "g",
        groupSequence: 4, replyToGroupID: "rg", deliveryAnnotations: ["x-opt-d": .null], footer: ["x-opt-f": [1]])

    static let bodies: [Message.Body] = [
        .null, true, 1, 2.5, "text", [1, "a"], ["sequence": 1], .data([]), .data([1, 2]), .sequence([]),
        .sequence([1, 2]), .dataSections([[1], [], [2]]), .sequenceSections([[1], [], [2, 3]]),
    ]

    @Test func theSmallestMessage() throws {
        #expect(try text(Message().encoded()) == "00537740")
        #expect(try text(Message(id: 1, body: .data([0x78]))) == "005373c00301530100 5375a00178".filter { $0 != " " })
    }

    @Test func bytesThatThePythonBindingSends() throws {
        let message = try Message(
            decoding: bytes(
                """
                005370c0080341407000001388005372d10000000900000002a301785501005373c0080453014040a10173
                005374d10000000e00000004a101615501a101625302005377d10000001000000002a10873657175656e63655501
                """))
        #expect(message.isDurable && message.priority == 4 && message.timeToLive == .seconds(5))
        #expect(message.annotations == ["x": 1])
        #expect(message.id == 1 && message.subject == "s" && message.address == nil)
        #expect(message.properties == ["a": 1, "b": .ulong(2)])
        #expect(message.body == ["sequence": 1] && message.body["sequence"] == 1)
    }

    @Test func allFieldsBothWays() throws {
        let message = try Message(decoding: Self.full.encoded())
        #expect(message == Self.full)
        #expect(message.id == 1 && message.userID == [9] && message.address == "examples")
        #expect(message.subject == "subject" && message.replyTo == "replies" && message.correlationID == "c")
        #expect(message.contentType == "text/plain" && message.contentEncoding == "gzip")
        #expect(message.expiryTime == 5 && message.creationTime == 6 && message.groupID == "g")
        #expect(message.groupSequence == 4 && message.replyToGroupID == "rg")
        #expect(message.isDurable && message.priority == 7 && message.timeToLive == .seconds(5))
        #expect(message.isFirstAcquirer && message.deliveryCount == 3)
        #expect(message.annotations == ["x-opt-a": 1, 5: true] && message.deliveryAnnotations == ["x-opt-d": .null])
        #expect(message.properties["seq"] == 17 && message.footer == ["x-opt-f": [1]])
        #expect(message.body == .data([1, 2, 3]))
    }

    @Test(arguments: bodies)
    func bodiesBothWays(_ body: Message.Body) throws {
        let encoded = try Message(body: body).encoded()
        #expect(try Message(decoding: encoded).body == body)
        for count in 0..<encoded.count {
            let cut = Array(encoded.prefix(count))
            // A cut between two sections leaves a message.
            if let message = try? Message(decoding: cut) { #expect(message.body != body || body == .null) }
        }
    }

    @Test func truncationAtEveryByte() throws {
        let encoded = try Self.full.encoded()
        var whole = 0
        for count in 0..<encoded.count {
            if (try? Message(decoding: Array(encoded.prefix(count)))) != nil { whole += 1 }
        }
        // Only a cut right behind a section leaves a message: there are seven of them, the last is the end.
        #expect(whole == 6)
        #expect(throws: CodecError.self) { try Message(decoding: []) }
    }

    @Test func whatNobodyChangedStaysAsItCame() throws {
        // Wide encodings that we would write shorter, a symbolic descriptor, and an explicit default.
        let encoded = bytes(
            "00a310616d71703a6865616465723a6c697374 d0000000070000000242 5004 0053 77 8100000000 00000001")
        var message = try Message(decoding: encoded)
        #expect(try message.encoded() == encoded)
        message.deliveryCount += 1
        #expect(try text(message.encoded()) == "005370c00705404040405201" + "0053778100000000" + "00000001")
        message.body = 2
        #expect(try text(message.encoded()) == "005370c00705404040405201" + "0053775502")
    }

    @Test func copiesAreIndependent() throws {
        let original = try Message(decoding: Self.full.encoded())
        var copy = original
        copy.subject = "other"
        copy.properties["seq"] = nil
        var second = copy
        second.subject = nil
        #expect(original.subject == "subject" && copy.subject == "other" && second.subject == nil)
        #expect(original.properties.count == 2 && copy.properties.count == 1 && second.properties.count == 1)
        #expect(original == Self.full)
    }
}

extension MessageTests {
    private func text(_ message: Message) throws -> String { try AMQPTests.text(message.encoded()) }
    private func text(_ bytes: [UInt8]) -> String { AMQPTests.text(bytes) }
}

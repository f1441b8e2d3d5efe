// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import AMQPTool

/// Messages as they are written.
struct OutputFormatTests {
    private var allSections: Message {
        Message(
            id: .ulong(7), body: .data(Array("hi".utf8)), address: "to", subject: "s", replyTo: "r",
            correlationID: .binary([1]), properties: ["a": .int(5)],
            annotations: [4: "number", "x-opt-a": .boolean(true)],
            contentType: "text/plain", contentEncoding: "gzip", isDurable: true, priority: 9,
            timeToLive: .milliseconds(1_500), isFirstAcquirer: true, deliveryCount: 2, userID: Array("me".utf8),
            expiryTime: 1_000, creationTime: 0, groupID: "g", groupSequence: 3, replyToGroupID: "rg",
            deliveryAnnotations: ["d": .null], footer: ["f": .long(1)])
    }

    @Test("All sections of a message")
    func sections() {
        #expect(
            allSections.json == """
                {"header":{"durable":true,"priority":9,"ttl":1500,"first-acquirer":true,"delivery-count":2},\
                "delivery-annotations":{"d":null},"message-annotations":{"$ulong:4":"number","x-opt-a":true},\
                "properties":{"message-id":{"$ulong":7},"user-id":{"$base64":"bWU="},"to":"to","subject":"s","reply-to":"r",\
                "correlation-id":{"$base64":"AQ=="},"content-type":"text/plain","content-encoding":"gzip",\
                "absolute-expiry-time":"1970-01-01T00:00:01.000Z","creation-time":"1970-01-01T00:00:00.000Z",\
                "group-id":"g","group-sequence":3,"reply-to-group-id":"rg"},"application-properties":{"a":{"$int":5}},\
                "body-type":"data","body":"hi","footer":{"f":1}}
                """)
    }

    @Test("A message is read again as it was")
    func roundTrip() throws {
        var messages = [allSections, Message(body: .null), Message(properties: ["$uint": 1, "n": .null])]
        messages += OutputFormatTests.bodies.map { Message(body: $0.body) }
        for message in messages {
            let read = try MessageJSONInput.message(Array(message.json.utf8))
            #expect(read.json == message.json)
        }
        #expect(try MessageJSONInput.message(Array(allSections.json.utf8)) == allSections)
    }

    @Test(
        "What is no message is refused",
        arguments: [
            "", "5", "[]", #"{"bodi":1}"#, #"{"header":{"durabel":true}}"#, #"{"header":1}"#,
            #"{"header":{"priority":256}}"#,
            #"{"properties":{"message-id":1.5}}"#, #"{"properties":{"subject":1}}"#, #"{"body-type":"data","body":1}"#,
            #"{"body-type":"what","body":1}"#, #"{"properties":{"creation-time":"soon"}}"#, #"{"footer":{"é":1}}"#,
        ])
    func noMessage(text: String) {
        #expect(throws: ToolError.self) { try MessageJSONInput.message(Array(text.utf8)) }
    }

    @Test("A message with nothing but its body")
    func bodyOnly() {
        #expect(Message(body: "hi").json == #"{"body-type":"value","body":"hi"}"#)
    }

    static let bodies: [(body: Message.Body, text: String, raw: [UInt8], json: String)] = [
        ("a\nb\u{1b}[m", "a\nb\\u{1B}[m", Array("a\nb\u{1b}[m".utf8), #""value","body":"a\nb\u001b[m""#),
        (.null, "", [], #""value","body":null"#), (.value(.uint(5)), "5", [53], #""value","body":{"$uint":5}"#),
        (.value(.boolean(true)), "true", Array("true".utf8), #""value","body":true"#),
        (.data([0xff]), #"b'\xff'"#, [0xff], #""data","body":{"$base64":"/w=="}"#),
        (.value(.binary([104])), "h", [104], #""value","body":{"$base64":"aA=="}"#),
        (.dataSections([[104], [105]]), "hi", [104, 105], #""data-sections","body":["h","i"]"#),
        (["a": 1], #"{"a":1}"#, Array(#"{"a":1}"#.utf8), #""value","body":{"a":1}"#),
        (.sequence([.long(1)]), "[1]", Array("[1]".utf8), #""sequence","body":[1]"#),
        (.sequenceSections([[1], [2]]), "[1,2]", Array("[1,2]".utf8), #""sequence-sections","body":[[1],[2]]"#),
        (
            .value(.timestamp(0)), "1970-01-01T00:00:00.000Z", Array("1970-01-01T00:00:00.000Z".utf8),
            #""value","body":{"$timestamp":"1970-01-01T00:00:00.000Z"}"#
        ),
    ]

    @Test("Bodies", arguments: bodies)
    func body(expected: (body: Message.Body, text: String, raw: [UInt8], json: String)) {
        let message = Message(body: expected.body)
        #expect(String(decoding: OutputFormat.text.bytes(of: message), as: UTF8.self) == "\(expected.text)\n")
        #expect(OutputFormat.raw.bytes(of: message) == expected.raw)
        #expect(message.json == "{\"body-type\":\(expected.json)}")
    }
}

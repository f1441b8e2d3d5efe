// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension Feature {
    /// What comes out of what went in.
    static let messages: [Feature] = [
        Feature("message: each field comes through", needed: [.rabbitMQ4, .c, .cpp, .python, .swift]) { peer in
            let sent = fullMessage()
            let (connection, queue) = (try peer.connect(), try peer.newQueue())
            try connection.createSender(queue).send(sent)
            let received = try connection.createReceiver(queue).take()
            var differences: [String] = []
            for (name, field) in fields where field(received) != field(sent) { differences.append(name) }
            return differences.isEmpty ? "" : "changes or drops \(differences.joined(separator: ", "))"
        },
        Feature("message: properties of each type", needed: [.rabbitMQ4, .c, .cpp, .python, .swift]) { peer in
            try eachType(peer, simpleValues, { Message(properties: ["value": $0]) }, { $0.properties["value"] })
        },
        Feature("message: bodies of each type", needed: [.rabbitMQ4, .c, .cpp, .python, .swift]) { peer in
            try eachType(peer, simpleValues + compoundValues, { Message(body: .value($0)) }, { $0.body.value })
        },
        Feature("message: data and sequence bodies", needed: .all) { peer in
            let (connection, queue) = (try peer.connect(), try peer.newQueue())
            let (sender, receiver) = (try connection.createSender(queue), try connection.createReceiver(queue))
            for body in [Message.Body.data([0, 1, 255]), .sequence([1, "two", [3]])] {
                try sender.send(Message(body: body))
                let received = try receiver.take().body
                try require(received == body, "\(body) comes as \(received)")
            }
            return ""
        },
    ]

    // MARK: Fields

    /// A message with each field.
    static func fullMessage() -> Message {
        Message(
            id: MessageID(AMQPUUID(high: 1, low: 2)), body: "body", address: "to", subject: "subject",
            replyTo: "reply-to", correlationID: MessageID([1, 2, 3]), properties: ["key": "value"],
            annotations: ["x-opt-key": "value"], contentType: "text/plain", contentEncoding: "identity",
            isDurable: true, priority: 7, timeToLive: .seconds(60), userID: Array("guest".utf8),
            expiryTime: Timestamp(milliseconds: 4_000_000_000_000),
            creationTime: Timestamp(milliseconds: 1_700_000_000_000), groupID: "group", groupSequence: 5,
            replyToGroupID: "reply-to-group", footer: ["x-opt-foot": "value"])
    }

    typealias Field = @Sendable (Message) -> AnyHashable

    /// The fields of a message, by what the notes call them.
    static let fields: [(String, Field)] = [
        ("durable", { $0.isDurable }), ("priority", { $0.priority }),
        // What is left of it: a broker takes off how long it had the message (AMQP 1.0, 3.2.1).
        ("time to live", { $0.timeToLive.map { $0 > .seconds(50) && $0 <= .seconds(60) } }),
        ("id", { $0.id }), ("user id", { $0.userID }), ("to", { $0.address }), ("subject", { $0.subject }),
        ("reply to", { $0.replyTo }), ("correlation id", { $0.correlationID }),
        ("content type", { $0.contentType }), ("content encoding", { $0.contentEncoding }),
        ("expiry time", { $0.expiryTime }), ("creation time", { $0.creationTime }), ("group id", { $0.groupID }),
        ("group sequence", { $0.groupSequence }), ("reply to group id", { $0.replyToGroupID }),
        ("annotations", { $0.annotations["x-opt-key"] }), ("properties", { $0.properties["key"] }),
        ("footer", { $0.footer["x-opt-foot"] }), ("body", { $0.body }),
    ]

    // MARK: Types

    /// A value of each type that properties may have.
    static let simpleValues: [AMQPValue] = [
        .null, .boolean(true), .ubyte(200), .ushort(60_000), .uint(4_000_000_000), .ulong(1 << 63), .byte(-100),
        .short(-30_000), .int(-2_000_000_000), .long(-1 << 62), .float(1.5), .double(-2.25),
        .decimal32(Decimal32(bits: 0x2250_000F)), .decimal64(Decimal64(bits: 0x2238_0000_0000_000F)),
        .decimal128(Decimal128(high: 0x303E_0000_0000_0000, low: 15)), .char("ß"),
        .timestamp(Timestamp(milliseconds: 1_700_000_000_123)), .uuid(AMQPUUID(high: 3, low: 4)), .binary([0, 255]),
        .string("Grüße"), .symbol("symbol"),
    ]

    /// A value of each other type.
    static let compoundValues: [AMQPValue] = [
        .list([1, "two"]), .map(["key": 1]), .array(AMQPArray([1, 2])),
        .described(Described(descriptor: .symbol("test:kind"), value: "value")),
    ]

    /// Sends a value of each type, and compares it with what comes.
    private static func eachType(
        _ peer: Peer, _ values: [AMQPValue], _ message: (AMQPValue) -> Message, _ part: (Message) -> AMQPValue?
    ) throws -> String {
        var differences: [String] = []
        var failures: [String] = []
        var lastError = ""
        var links: (sender: BlockingSender, receiver: BlockingReceiver)?
        for value in values {
            let name = value.type.map { "\($0)" } ?? "described"
            do {
                if links == nil {
                    try peer.waitUntilUp()
                    let (connection, queue) = (try peer.connect(timeout: .seconds(3)), try peer.newQueue())
                    links = (try connection.createSender(queue), try connection.createReceiver(queue))
                }
                guard let links else { continue }
                try links.sender.send(message(value))
                let received = part(try links.receiver.take())
                guard received != value else { continue }
                let type = received.map { $0.type.map { "\($0)" } ?? "described" }
                differences.append("\(name) \(type == name ? "changes" : "comes as \(type ?? "nothing")")")
            } catch {
                links = nil
                failures.append(name)
                lastError = "\(error)"
            }
        }
        if !failures.isEmpty { differences.append("\(failures.joined(separator: ", ")): \(lastError)") }
        return differences.joined(separator: "; ")
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import AMQP
import FoundationEssentials

/// A message as `Message.json` writes it.
package struct MessageJSONInput: Decodable {
    package let message: Message

    /// The message that a line of JSON is.
    /// - Throws: `ToolError` where it is none.
    package static func message(_ bytes: [UInt8]) throws -> Message {
        do {
            return try JSONDecoder().decode(MessageJSONInput.self, from: Data(bytes)).message
        } catch let error as ArgumentProblem {
            throw ToolError(.failure, "A message: \(error)")
        } catch {
            throw ToolError(.failure, "A message is not JSON as 'amqp receive -o json' writes it.")
        }
    }

    package init(from decoder: any Decoder) throws {
        let sections = Section(try decoder.container(keyedBy: JSONInput.Key.self), name: "a message")
        var message = Message(body: try MessageJSONInput.body(sections))
        if let header = try sections.section("header") { try MessageJSONInput.readHeader(header, into: &message) }
        if let properties = try sections.section("properties") {
            try MessageJSONInput.readProperties(properties, into: &message)
        }
        for (name, value) in try sections.section("application-properties")?.all() ?? [] {
            message.properties[name] = value
        }
        message.deliveryAnnotations = try MessageJSONInput.annotations(sections, "delivery-annotations")
        message.annotations = try MessageJSONInput.annotations(sections, "message-annotations")
        message.footer = try MessageJSONInput.annotations(sections, "footer")
        try sections.checkNames([
            "header", "delivery-annotations", "message-annotations", "properties", "application-properties",
            "body-type",
            "body", "footer",
        ])
        self.message = message
    }

    private static func body(_ sections: Section) throws -> Message.Body {
        let value = try sections.value("body") ?? .null
        let type = try sections.value("body-type")?.stringValue ?? "value"
        switch (type, value) {
        case ("value", _): return .value(value)
        case ("sequence", .list(let elements)): return .sequence(elements)
        case ("sequence-sections", .list(let sections)): return .sequenceSections(try sections.map(list))
        case ("data-sections", .list(let sections)): return .dataSections(try sections.map(bytes))
        case ("data", _): return .data(try bytes(value))
        default: throw ArgumentProblem("\"body\" and \"body-type\" do not go together.")
        }
    }

    private static func bytes(_ value: AMQPValue) throws -> [UInt8] {
        if let bytes = value.binaryValue { return bytes }
        guard let text = value.stringValue else { throw ArgumentProblem("a body of data is a text, or base64.") }
        return Array(text.utf8)
    }

    private static func list(_ value: AMQPValue) throws -> [AMQPValue] {
        guard let list = value.listValue else { throw ArgumentProblem("a body of sequences is a list of lists.") }
        return list
    }

    private static func annotations(_ sections: Section, _ name: String) throws -> Annotations {
        var annotations = Annotations()
        for (name, value) in try sections.section(name)?.all() ?? [] {
            if name.hasPrefix("$ulong:"), let number = UInt64(name.dropFirst("$ulong:".count)) {
                annotations[.ulong(number)] = value
            } else {
                guard let symbol = Symbol(exactly: name) else { throw ArgumentProblem("\"\(name)\" is not ASCII.") }
                annotations[.symbol(symbol)] = value
            }
        }
        return annotations
    }

    private static func readHeader(_ header: Section, into message: inout Message) throws {
        message.isDurable = try header.value("durable")?.boolValue ?? false
        message.priority = try header.integer("priority") ?? 4
        message.timeToLive = try header.integer("ttl").map { (ttl: UInt32) in .milliseconds(Int64(ttl)) }
        message.isFirstAcquirer = try header.value("first-acquirer")?.boolValue ?? false
        message.deliveryCount = try header.integer("delivery-count") ?? 0
        try header.checkNames(["durable", "priority", "ttl", "first-acquirer", "delivery-count"])
    }

    private static func readProperties(_ properties: Section, into message: inout Message) throws {
        message.id = try properties.messageID("message-id")
        message.userID = try properties.value("user-id").map(bytes)
        message.address = try properties.text("to")
        message.subject = try properties.text("subject")
        message.replyTo = try properties.text("reply-to")
        message.correlationID = try properties.messageID("correlation-id")
        message.contentType = try properties.symbol("content-type")
        message.contentEncoding = try properties.symbol("content-encoding")
        message.expiryTime = try properties.time("absolute-expiry-time")
        message.creationTime = try properties.time("creation-time")
        message.groupID = try properties.text("group-id")
        message.groupSequence = try properties.integer("group-sequence")
        message.replyToGroupID = try properties.text("reply-to-group-id")
        try properties.checkNames([
            "message-id", "user-id", "to", "subject", "reply-to", "correlation-id", "content-type", "content-encoding",
            "absolute-expiry-time", "creation-time", "group-id", "group-sequence", "reply-to-group-id",
        ])
    }
}

/// An object of JSON whose members are fields, each asked for by its type.
private struct Section {
    let name: String
    private let container: KeyedDecodingContainer<JSONInput.Key>

    init(_ container: KeyedDecodingContainer<JSONInput.Key>, name: String) {
        (self.container, self.name) = (container, name)
    }

    /// - Throws: `ArgumentProblem` where there is another member than these: it would be lost.
    func checkNames(_ names: Set<String>) throws {
        guard let other = container.allKeys.first(where: { !names.contains($0.stringValue) }) else { return }
        throw ArgumentProblem("\(name) has no \"\(other.stringValue)\".")
    }

    func section(_ name: String) throws -> Section? {
        let key = JSONInput.Key(stringValue: name)
        guard container.contains(key) else { return nil }
        return Section(try container.nestedContainer(keyedBy: JSONInput.Key.self, forKey: key), name: name)
    }

    /// All members, sorted by their names.
    func all() throws -> [(String, AMQPValue)] {
        try container.allKeys.sorted { $0.stringValue < $1.stringValue }
            .map { ($0.stringValue, try container.decode(JSONInput.Node.self, forKey: $0).value) }
    }

    func value(_ name: String) throws -> AMQPValue? {
        try container.decodeIfPresent(JSONInput.Node.self, forKey: JSONInput.Key(stringValue: name))?.value
    }

    private func wrong(_ name: String) -> ArgumentProblem {
        ArgumentProblem("\"\(name)\" of \(self.name) has another value than this field has.")
    }

    private func field<Value>(_ name: String, _ read: (AMQPValue) -> Value?) throws -> Value? {
        guard let value = try value(name) else { return nil }
        guard let field = read(value) else { throw wrong(name) }
        return field
    }

    func text(_ name: String) throws -> String? { try field(name, \.stringValue) }

    func symbol(_ name: String) throws -> Symbol? { try field(name) { $0.stringValue.flatMap(Symbol.init(exactly:)) } }

    func integer<Integer: FixedWidthInteger>(_ name: String) throws -> Integer? {
        try field(name) { $0.integer(as: Integer.self) }
    }

    func time(_ name: String) throws -> Timestamp? {
        try field(name) { value in
            value.stringValue.flatMap(TypedValue.timestamp) ?? value.intValue.map { Timestamp(milliseconds: Int64($0)) }
        }
    }

    func messageID(_ name: String) throws -> MessageID? {
        try field(name) { value in
            switch value {
            case .ulong(let number): .ulong(number)
            case .uuid(let uuid): .uuid(uuid)
            case .binary(let bytes): .binary(bytes)
            case .string(let text): .string(text)
            default: nil
            }
        }
    }
}

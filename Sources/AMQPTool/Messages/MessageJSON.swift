// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

extension Message {
    /// The message as JSON in one line: its sections by the names that the standard has for them, those that are not empty.
    ///
    /// The body is `body`, and `body-type` says which section it is: `value`, `data` or `sequence`, and where there are several
    /// `data-sections` or `sequence-sections`, whose `body` is a list. Data is a text where it is UTF-8.
    package var json: String {
        var json = JSONText()
        var members: [(String, (inout JSONText) -> Void)] = []
        func add(_ name: String, _ section: [(String, (inout JSONText) -> Void)]) {
            if !section.isEmpty { members.append((name, { $0.writeObject(section) })) }
        }
        add("header", headerMembers)
        add("delivery-annotations", Message.members(deliveryAnnotations))
        add("message-annotations", Message.members(annotations))
        add("properties", propertyMembers)
        add("application-properties", properties.map { name, value in (name, { $0.write(value) }) })
        members += bodyMembers
        add("footer", Message.members(footer))
        json.writeObject(members)
        return json.text
    }

    private typealias Members = [(String, (inout JSONText) -> Void)]

    private var headerMembers: Members {
        var members: Members = []
        if isDurable { members.append(("durable", { $0.write(.boolean(true)) })) }
        if priority != 4 { members.append(("priority", { [priority] in $0.write(.long(Int64(priority))) })) }
        if let timeToLive {
            let (seconds, attoseconds) = timeToLive.components
            let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
            members.append(("ttl", { $0.write(.long(milliseconds)) }))
        }
        if isFirstAcquirer { members.append(("first-acquirer", { $0.write(.boolean(true)) })) }
        if deliveryCount != 0 {
            members.append(("delivery-count", { [deliveryCount] in $0.write(.long(Int64(deliveryCount))) }))
        }
        return members
    }

    private var propertyMembers: Members {
        var members: Members = []
        func add(_ name: String, _ value: AMQPValue?) {
            if let value { members.append((name, { $0.write(value) })) }
        }
        func add(_ name: String, _ time: Timestamp?) {
            if let time { members.append((name, { $0.write(time) })) }
        }
        add("message-id", id?.value)
        add("user-id", userID.map { .binary($0) })
        add("to", address.map { .string($0) })
        add("subject", subject.map { .string($0) })
        add("reply-to", replyTo.map { .string($0) })
        add("correlation-id", correlationID?.value)
        // Symbols, and by the standard nothing else: no tag is needed.
        add("content-type", contentType.map { .string($0.name) })
        add("content-encoding", contentEncoding.map { .string($0.name) })
        add("absolute-expiry-time", expiryTime)
        add("creation-time", creationTime)
        add("group-id", groupID.map { .string($0) })
        add("group-sequence", groupSequence.map { .long(Int64($0)) })
        add("reply-to-group-id", replyToGroupID.map { .string($0) })
        return members
    }

    private var bodyMembers: Members {
        func members(_ type: String, _ write: @escaping (inout JSONText) -> Void) -> Members {
            [("body-type", { $0.writeText(type) }), ("body", write)]
        }
        switch body {
        case .value(let value): return members("value") { $0.write(value) }
        case .data(let bytes): return members("data") { $0.write(Message.value(ofData: bytes)) }
        case .sequence(let elements): return members("sequence") { $0.write(.list(elements)) }
        case .dataSections(let sections):
            return members("data-sections") { $0.write(.list(sections.map(Message.value(ofData:)))) }
        case .sequenceSections(let sections):
            return members("sequence-sections") { $0.write(.list(sections.map { .list($0) })) }
        }
    }

    private static func value(ofData bytes: [UInt8]) -> AMQPValue {
        String(validating: bytes, as: UTF8.self).map { .string($0) } ?? .binary(bytes)
    }

    private static func members(_ annotations: Annotations) -> Members {
        annotations.map { key, value in
            switch key {
            case .symbol(let symbol): (symbol.name, { $0.write(value) })
            case .ulong(let number): ("$ulong:\(number)", { $0.write(value) })
            }
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The meaning of an identifier in a selector.
///
/// | identifier | meaning |
/// | --- | --- |
/// | `JMSPriority`, `JMSType` and so on | the field that JMS maps it to |
/// | `amqp.priority`, `amqp.message-id` and so on | the field of the header or the properties, `_` or `-` between words |
/// | `amqp.header.priority`, `amqp.properties.message-id` | the same, with its section |
/// | `amqp.annotation.KEY` | the message annotation with this symbol as its key |
/// | `m.KEY` | the same, as in ActiveMQ Artemis; if it does not exist, the application property `m.KEY` |
/// | any other | the application property |
///
/// Names that begin with `amqp.` or `JMS` are reserved: any other such name is refused, since it would match nothing. Names that
/// begin with `JMSX` or `JMS_` are left by JMS to providers and applications.
enum SelectorName: Hashable {
    case property(String)
    case field(SelectorField)
    /// A message annotation, and the application property to read if it does not exist.
    case annotation(AnnotationKey, orProperty: String?)

    /// - Returns: nil for a reserved name without a meaning.
    init?(_ identifier: String) {
        if let name = identifier.dropping("amqp.annotation.") {
            guard let key = SelectorName.key(name) else { return nil }
            self = .annotation(key, orProperty: nil)
        } else if let name = identifier.dropping("amqp.") {
            guard let field = SelectorName.field(amqp: name) else { return nil }
            self = .field(field)
        } else if let name = identifier.dropping("m."), let key = SelectorName.key(name) {
            self = .annotation(key, orProperty: identifier)
        } else if let field = SelectorName.jmsFields[identifier] {
            self = .field(field)
        } else if SelectorName.isReservedByJMS(identifier) {
            return nil
        } else {
            self = .property(identifier)
        }
    }

    /// Whether hyphens are certainly part of a name: no application property begins like this.
    static func takesHyphens(_ identifier: String) -> Bool {
        identifier.hasPrefix("amqp.") || identifier.hasPrefix("m.")
    }

    private static func key(_ name: String) -> AnnotationKey? {
        name.isEmpty ? nil : Symbol(exactly: name).map { .symbol($0) }
    }

    private static func isReservedByJMS(_ identifier: String) -> Bool {
        guard let rest = identifier.dropping("JMS"), let first = rest.unicodeScalars.first else { return false }
        return first.properties.isUppercase && first != "X"
    }

    private static func field(amqp name: String) -> SelectorField? {
        let name = String(name.map { $0 == "-" ? "_" : $0 })
        if let rest = name.dropping("header.") { return headerFields[rest] }
        if let rest = name.dropping("properties.") { return propertiesFields[rest] }
        if name == "redelivered" { return .redelivered }
        return headerFields[name] ?? propertiesFields[name]
    }

    private static let headerFields: [String: SelectorField] = [
        "durable": .durable, "priority": .priority, "ttl": .timeToLive, "first_acquirer": .firstAcquirer,
        "delivery_count": .deliveryCount,
    ]

    private static let propertiesFields: [String: SelectorField] = [
        "message_id": .messageID, "user_id": .userID, "to": .to, "subject": .subject, "reply_to": .replyTo,
        "correlation_id": .correlationID, "content_type": .contentType, "content_encoding": .contentEncoding,
        "absolute_expiry_time": .absoluteExpiryTime, "creation_time": .creationTime, "group_id": .groupID,
        "group_sequence": .groupSequence, "reply_to_group_id": .replyToGroupID,
    ]

    private static let jmsFields: [String: SelectorField] = [
        "JMSDeliveryMode": .deliveryMode, "JMSPriority": .priority, "JMSMessageID": .messageID,
        "JMSTimestamp": .creationTime, "JMSExpiration": .absoluteExpiryTime, "JMSCorrelationID": .correlationID,
        "JMSType": .subject, "JMSReplyTo": .replyTo, "JMSDestination": .to, "JMSRedelivered": .redelivered,
        "JMSXDeliveryCount": .deliveryNumber, "JMSXUserID": .userID, "JMSXGroupID": .groupID,
        "JMSXGroupSeq": .groupSequence,
    ]
}

extension String {
    /// The rest of the text after a prefix; nil if it does not have the prefix.
    fileprivate func dropping(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}

/// A field of a message's header or properties that a selector can name (AMQP 1.0, 3.2.1 and 3.2.4).
enum SelectorField: UInt8, Sendable, Hashable, CaseIterable {
    case durable, priority, timeToLive, firstAcquirer, deliveryCount
    case messageID, userID, to, subject, replyTo, correlationID, contentType, contentEncoding
    case absoluteExpiryTime, creationTime, groupID, groupSequence, replyToGroupID
    /// The forms in which JMS has these fields: one of two strings, a number that counts from 1, whether a count is above 0.
    case deliveryMode, deliveryNumber, redelivered
}

/// The parts of a message that a selector reads.
struct SelectorParts: OptionSet, Sendable, Hashable {
    let rawValue: UInt32

    /// The application properties (AMQP 1.0, 3.2.5).
    static let applicationProperties = SelectorParts(rawValue: 1 << 30)
    /// The message annotations (AMQP 1.0, 3.2.3).
    static let annotations = SelectorParts(rawValue: 1 << 31)

    init(rawValue: UInt32) { self.rawValue = rawValue }

    init(_ field: SelectorField) { rawValue = 1 << UInt32(field.rawValue) }

    /// The fields among the parts.
    var fields: [SelectorField] { SelectorField.allCases.filter { contains(SelectorParts($0)) } }
}

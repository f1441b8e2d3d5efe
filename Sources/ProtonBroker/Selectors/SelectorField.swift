/// A field of a message's header or properties that a selector can name (AMQP 1.0, 3.2.1 and 3.2.4).
enum SelectorField: Sendable, Hashable {
    case durable, priority, timeToLive, firstAcquirer, deliveryCount
    case messageID, userID, to, subject, replyTo, correlationID, contentType, contentEncoding
    case absoluteExpiryTime, creationTime, groupID, groupSequence, replyToGroupID
    /// How JMS says the same in another way: a text of two, a number that counts from 1, whether a count is above 0.
    case deliveryMode, deliveryNumber, redelivered

    /// The field that an identifier names; nil for the name of an application property.
    ///
    /// `amqp.` and the field's name as in the specification, with `_` or `-` between words, as Qpid's brokers have it;
    /// and the names of JMS, as they are mapped to AMQP 1.0.
    init?(identifier: String) {
        let name =
            identifier.hasPrefix("amqp.")
            ? "amqp." + String(identifier.dropFirst(5).map { $0 == "-" ? "_" : $0 }) : identifier
        guard let field = SelectorField.names[name] else { return nil }
        self = field
    }

    private static let names: [String: SelectorField] = [
        "amqp.durable": .durable, "amqp.priority": .priority, "amqp.ttl": .timeToLive,
        "amqp.first_acquirer": .firstAcquirer, "amqp.delivery_count": .deliveryCount,
        "amqp.redelivered": .redelivered,
        "amqp.message_id": .messageID, "amqp.user_id": .userID, "amqp.to": .to, "amqp.subject": .subject,
        "amqp.reply_to": .replyTo, "amqp.correlation_id": .correlationID, "amqp.content_type": .contentType,
        "amqp.content_encoding": .contentEncoding, "amqp.absolute_expiry_time": .absoluteExpiryTime,
        "amqp.creation_time": .creationTime, "amqp.group_id": .groupID, "amqp.group_sequence": .groupSequence,
        "amqp.reply_to_group_id": .replyToGroupID,
        "JMSDeliveryMode": .deliveryMode, "JMSPriority": .priority, "JMSMessageID": .messageID,
        "JMSTimestamp": .creationTime, "JMSExpiration": .absoluteExpiryTime, "JMSCorrelationID": .correlationID,
        "JMSType": .subject, "JMSReplyTo": .replyTo, "JMSDestination": .to, "JMSRedelivered": .redelivered,
        "JMSXDeliveryCount": .deliveryNumber, "JMSXUserID": .userID, "JMSXGroupID": .groupID,
        "JMSXGroupSeq": .groupSequence,
    ]
}

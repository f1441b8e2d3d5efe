// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Messages made of Swift values.

extension Message {
    /// Creates a message whose body is a Swift value: a text, a number, bytes, a dictionary and so on.
    ///
    /// The other parameters are those of the initializer that takes a ``Body``, which literals use.
    @_disfavoredOverload
    @inlinable public init(
        id: MessageID? = nil,
        body: some AMQPValueConvertible,
        address: String? = nil,
        subject: String? = nil,
        replyTo: String? = nil,
        correlationID: MessageID? = nil,
        properties: ApplicationProperties = ApplicationProperties(),
        annotations: Annotations = Annotations(),
        contentType: Symbol? = nil,
        contentEncoding: Symbol? = nil,
        isDurable: Bool = false,
        priority: UInt8 = 4,
        timeToLive: Duration? = nil,
        isFirstAcquirer: Bool = false,
        deliveryCount: UInt32 = 0,
        userID: [UInt8]? = nil,
        expiryTime: Timestamp? = nil,
        creationTime: Timestamp? = nil,
        groupID: String? = nil,
        groupSequence: UInt32? = nil,
        replyToGroupID: String? = nil,
        deliveryAnnotations: Annotations = Annotations(),
        footer: Annotations = Annotations()
    ) {
        self.init(
            id: id, body: Body(body), address: address, subject: subject, replyTo: replyTo,
            correlationID:
                correlationID, properties: properties, annotations: annotations, contentType: contentType,
            contentEncoding: contentEncoding, isDurable: isDurable, priority: priority,
            timeToLive:
                timeToLive, isFirstAcquirer: isFirstAcquirer, deliveryCount: deliveryCount, userID: userID,
            expiryTime: expiryTime, creationTime: creationTime, groupID: groupID,
            groupSequence:
                groupSequence, replyToGroupID: replyToGroupID, deliveryAnnotations: deliveryAnnotations,
            footer:
                footer)
    }
}

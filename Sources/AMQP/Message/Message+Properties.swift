// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The fields of the properties section (Messaging, section 3.2.4).
extension Message {
    /// The identifier of the message, set by its producer.
    public var id: MessageID? {
        get {
            if let draft, let properties = draft.properties { return properties.id }
            return encoding.messageID(0)
        }
        set { changedProperties.id = newValue }
    }

    /// The user that created the message.
    public var userID: [UInt8]? {
        get {
            if let draft, let properties = draft.properties { return properties.userID }
            return encoding.binary(1)
        }
        set { changedProperties.userID = newValue }
    }

    /// The node that the message is for: the field that the specification calls `to`.
    public var address: String? {
        get {
            if let draft, let properties = draft.properties { return properties.address }
            return encoding.string(2)
        }
        set { changedProperties.address = newValue }
    }

    /// The subject of the message.
    public var subject: String? {
        get {
            if let draft, let properties = draft.properties { return properties.subject }
            return encoding.string(3)
        }
        set { changedProperties.subject = newValue }
    }

    /// The node to send replies to.
    public var replyTo: String? {
        get {
            if let draft, let properties = draft.properties { return properties.replyTo }
            return encoding.string(4)
        }
        set { changedProperties.replyTo = newValue }
    }

    /// The identifier of a related message: in a reply, usually the ``id`` of the request.
    public var correlationID: MessageID? {
        get {
            if let draft, let properties = draft.properties { return properties.correlationID }
            return encoding.messageID(5)
        }
        set { changedProperties.correlationID = newValue }
    }

    /// The media type of a body of data, such as `application/json`.
    public var contentType: Symbol? {
        get {
            if let draft, let properties = draft.properties { return properties.contentType }
            return encoding.symbol(6)
        }
        set { changedProperties.contentType = newValue }
    }

    /// The encoding that was applied to a body of data, such as `gzip`.
    public var contentEncoding: Symbol? {
        get {
            if let draft, let properties = draft.properties { return properties.contentEncoding }
            return encoding.symbol(7)
        }
        set { changedProperties.contentEncoding = newValue }
    }

    /// The time when the message expires.
    public var expiryTime: Timestamp? {
        get {
            if let draft, let properties = draft.properties { return properties.expiryTime }
            return encoding.timestamp(8)
        }
        set { changedProperties.expiryTime = newValue }
    }

    /// The time when the message was created.
    public var creationTime: Timestamp? {
        get {
            if let draft, let properties = draft.properties { return properties.creationTime }
            return encoding.timestamp(9)
        }
        set { changedProperties.creationTime = newValue }
    }

    /// The group that the message belongs to.
    public var groupID: String? {
        get {
            if let draft, let properties = draft.properties { return properties.groupID }
            return encoding.string(10)
        }
        set { changedProperties.groupID = newValue }
    }

    /// The sequence number of the message in its group.
    public var groupSequence: UInt32? {
        get {
            if let draft, let properties = draft.properties { return properties.groupSequence }
            return encoding.uint(11)
        }
        set { changedProperties.groupSequence = newValue }
    }

    /// The group that replies to this message belong to.
    public var replyToGroupID: String? {
        get {
            if let draft, let properties = draft.properties { return properties.replyToGroupID }
            return encoding.string(12)
        }
        set { changedProperties.replyToGroupID = newValue }
    }
}

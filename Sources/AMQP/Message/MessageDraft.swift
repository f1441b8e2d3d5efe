// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// The decoded sections of a message that is being changed.

/// The header section (Messaging, section 3.2.1). Fields with their default value are not sent.
struct HeaderSection: Sendable, Hashable {
    var isDurable = false
    var priority: UInt8 = 4
    var timeToLive: UInt32?
    var isFirstAcquirer = false
    var deliveryCount: UInt32 = 0

    /// Whether all fields have their default value.
    @inline(__always)
    var isDefault: Bool {
        !isDurable && priority == 4 && timeToLive == nil && !isFirstAcquirer && deliveryCount == 0
    }
}

/// The standard properties of a message (Messaging, section 3.2.4). Fields that are nil are not sent.
struct PropertiesSection: Sendable, Hashable {
    var id: MessageID?
    var userID: [UInt8]?
    var address: String?
    var subject: String?
    var replyTo: String?
    var correlationID: MessageID?
    var contentType: Symbol?
    var contentEncoding: Symbol?
    var expiryTime: Timestamp?
    var creationTime: Timestamp?
    var groupID: String?
    var groupSequence: UInt32?
    var replyToGroupID: String?

    static func == (a: PropertiesSection, b: PropertiesSection) -> Bool {
        a.id == b.id && a.userID == b.userID && a.address.hasSameBytes(as: b.address)
            && a.subject.hasSameBytes(as: b.subject) && a.replyTo.hasSameBytes(as: b.replyTo)
            && a.correlationID == b.correlationID && a.contentType == b.contentType
            && a.contentEncoding == b.contentEncoding && a.expiryTime == b.expiryTime
            && a.creationTime == b.creationTime && a.groupID.hasSameBytes(as: b.groupID)
            && a.groupSequence == b.groupSequence && a.replyToGroupID.hasSameBytes(as: b.replyToGroupID)
    }
}

/// The sections that the program has changed. Copies of a message share it until one of them changes it.
///
/// `@unchecked Sendable`, and without checks for overlapping access: a `Message` writes to it only in a mutating method, and only
/// while it holds the one reference to it, so that no other code can read or write at the same time.
final class MessageDraft: @unchecked Sendable {
    // A section that is nil is unchanged.
    @exclusivity(unchecked) var header: HeaderSection?
    @exclusivity(unchecked) var annotations = AnnotationSections()
    @exclusivity(unchecked) var properties: PropertiesSection?
    @exclusivity(unchecked) var applicationProperties: ApplicationProperties?
    @exclusivity(unchecked) var body: Message.Body?

    init() {}

    func copy() -> MessageDraft {
        let copy = MessageDraft()
        copy.header = header
        copy.annotations = annotations
        copy.properties = properties
        copy.applicationProperties = applicationProperties
        copy.body = body
        return copy
    }
}

/// The sections that are annotations, by the section's number.
struct AnnotationSections: Sendable {
    private var delivery: Annotations?
    private var message: Annotations?
    private var footer: Annotations?

    subscript(_ number: Int) -> Annotations? {
        get {
            switch number {
            case 1: delivery
            case 2: message
            default: footer
            }
        }
        set {
            switch number {
            case 1: delivery = newValue
            case 2: message = newValue
            default: footer = newValue
            }
        }
    }
}

// The sections of a message as they are kept while a message is built or changed.

/// Which sections of a message.
struct SectionSet: OptionSet, Sendable {
    let rawValue: UInt8

    static let header = SectionSet(rawValue: 1 << 0)
    static let deliveryAnnotations = SectionSet(rawValue: 1 << 1)
    static let annotations = SectionSet(rawValue: 1 << 2)
    static let properties = SectionSet(rawValue: 1 << 3)
    static let applicationProperties = SectionSet(rawValue: 1 << 4)
    static let body = SectionSet(rawValue: 1 << 5)
    static let footer = SectionSet(rawValue: 1 << 6)
    static let all = SectionSet(rawValue: 0x7f)

    /// The section with a number in the order of the wire: 0 is the header, 6 the footer.
    init(number: Int) { rawValue = 1 << UInt8(truncatingIfNeeded: number) }

    init(rawValue: UInt8) { self.rawValue = rawValue }
}

/// How a message is handled on its way (Messaging, section 3.2.1). Fields at their default are not sent.
struct HeaderSection: Sendable, Hashable {
    var isDurable = false
    var priority: UInt8 = 4
    var timeToLive: UInt32?
    var isFirstAcquirer = false
    var deliveryCount: UInt32 = 0
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

/// The sections that were set by the program, shared by copies of a message until one of them changes it.
///
/// `@unchecked Sendable`, and without checks for overlapping access: a `Message` writes to it only in a mutating method,
/// and only while it holds the one reference to it, so that nobody else can be reading or writing.
final class SetSections: @unchecked Sendable {
    /// The sections that count; the others are as received.
    @exclusivity(unchecked) var set: SectionSet
    @exclusivity(unchecked) var header: HeaderSection
    @exclusivity(unchecked) var deliveryAnnotations: Annotations
    @exclusivity(unchecked) var annotations: Annotations
    @exclusivity(unchecked) var properties: PropertiesSection
    @exclusivity(unchecked) var applicationProperties: ApplicationProperties
    @exclusivity(unchecked) var body: Message.Body
    @exclusivity(unchecked) var footer: Annotations

    init(
        set: SectionSet, header: HeaderSection, deliveryAnnotations: Annotations, annotations: Annotations,
        properties: PropertiesSection, applicationProperties: ApplicationProperties, body: Message.Body,
        footer: Annotations
    ) {
        self.set = set
        self.header = header
        self.deliveryAnnotations = deliveryAnnotations
        self.annotations = annotations
        self.properties = properties
        self.applicationProperties = applicationProperties
        self.body = body
        self.footer = footer
    }

    /// No section set, and all as in a new message.
    convenience init() {
        self.init(
            set: [], header: HeaderSection(), deliveryAnnotations: Annotations(), annotations: Annotations(),
            properties: PropertiesSection(), applicationProperties: ApplicationProperties(), body: .null,
            footer: Annotations())
    }

    func copy() -> SetSections {
        SetSections(
            set: set, header: header, deliveryAnnotations: deliveryAnnotations, annotations: annotations,
            properties: properties, applicationProperties: applicationProperties, body: body, footer: footer)
    }
}

/// An AMQP message: what it says, and what the nodes on its way need to know about it (Messaging, section 3.2).
///
///     let message = Message(id: 1, body: ["sequence": 1])
///
/// A message is a value: copies are independent, cheap, and may go to other threads. One that was received keeps the
/// bytes it came in. They are checked as a whole when it is decoded; a field is then read from them when it is asked for,
/// each time, so keep in a constant what you use often. Encoding it again gives the same bytes, and changing a section
/// leaves those of the others as they came.
public struct Message: Sendable {
    /// The message as it came in; nil for one made here.
    private var received: ReceivedMessage?

    /// What was set; nil in a received message that nobody has changed.
    private var own: SetSections?

    // MARK: Making a message

    /// A message made of its fields, each of which may be left out.
    ///
    /// A field at its default is not sent, and neither is a section without fields. `timeToLive` counts in whole
    /// milliseconds, up to about 49 days; what is longer counts as that, what is negative as zero.
    public init(
        id: MessageID? = nil,
        body: Body = .null,
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
        own = SetSections(
            set: .all,
            header: HeaderSection(
                isDurable: isDurable, priority: priority, timeToLive: timeToLive.map(milliseconds),
                isFirstAcquirer: isFirstAcquirer, deliveryCount: deliveryCount),
            deliveryAnnotations: deliveryAnnotations,
            annotations: annotations,
            properties: PropertiesSection(
                id: id, userID: userID, address: address, subject: subject, replyTo: replyTo,
                correlationID: correlationID, contentType: contentType, contentEncoding: contentEncoding,
                expiryTime: expiryTime, creationTime: creationTime, groupID: groupID, groupSequence: groupSequence,
                replyToGroupID: replyToGroupID),
            applicationProperties: properties,
            body: body,
            footer: footer)
    }

    /// The message of its encoding, which must take up all the bytes.
    ///
    /// The whole of it is checked here, at the cost of a walk over the bytes that builds nothing; reading its fields
    /// cannot fail any more.
    /// - Throws: ``CodecError`` when the bytes are anything else than one valid message within the limits.
    public init(decoding bytes: [UInt8], limits: DecodingLimits = .default) throws(CodecError) {
        do {
            received = try ReceivedMessage(capacity: bytes.count, limits) { memory in
                bytes.withUnsafeBytes { memory.copyMemory(from: $0) }
                return bytes.count
            }
        } catch {
            throw error.error
        }
    }

    /// The message of bytes that a closure puts into memory, which saves a copy.
    ///
    /// - Parameters:
    ///   - capacity: how many bytes there are at most.
    ///   - fill: called once; returns how many there are.
    /// - Throws: ``InvalidMessage`` when the bytes are anything else than one valid message within the limits.
    package init(
        capacity: Int, limits: DecodingLimits, filling fill: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(InvalidMessage) {
        received = try ReceivedMessage(capacity: capacity, limits, fill)
    }

    // MARK: Header

    /// Whether the message must survive a failure of a node that keeps it; false by default.
    public var isDurable: Bool {
        get { header.isDurable }
        set { setting(.header).header.isDurable = newValue }
    }

    /// How urgent the message is, 0 to 255: higher goes first; 4 by default.
    public var priority: UInt8 {
        get { header.priority }
        set { setting(.header).header.priority = newValue }
    }

    /// How long the message is of use, from when it was sent; nil for ever.
    ///
    /// It counts in whole milliseconds, up to about 49 days; what is longer counts as that, what is negative as zero.
    public var timeToLive: Duration? {
        get { header.timeToLive.map { .milliseconds($0) } }
        set { setting(.header).header.timeToLive = newValue.map(milliseconds) }
    }

    /// Whether nobody has acquired the message before; false by default.
    public var isFirstAcquirer: Bool {
        get { header.isFirstAcquirer }
        set { setting(.header).header.isFirstAcquirer = newValue }
    }

    /// How often the message was delivered before without success; 0 by default.
    public var deliveryCount: UInt32 {
        get { header.deliveryCount }
        set { setting(.header).header.deliveryCount = newValue }
    }

    // MARK: Properties

    /// What identifies the message, as its producer says.
    public var id: MessageID? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.id }
            return received?.messageID(0)
        }
        set { setting(.properties).properties.id = newValue }
    }

    /// The user who made the message.
    public var userID: [UInt8]? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.userID }
            return received?.binary(1)
        }
        set { setting(.properties).properties.userID = newValue }
    }

    /// The node that the message is for: the field that the specification calls `to`.
    public var address: String? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.address }
            return received?.string(2)
        }
        set { setting(.properties).properties.address = newValue }
    }

    /// What the message is about.
    public var subject: String? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.subject }
            return received?.string(3)
        }
        set { setting(.properties).properties.subject = newValue }
    }

    /// The node to send replies to.
    public var replyTo: String? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.replyTo }
            return received?.string(4)
        }
        set { setting(.properties).properties.replyTo = newValue }
    }

    /// What the message belongs to: in a reply, mostly the ``id`` of the request.
    public var correlationID: MessageID? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.correlationID }
            return received?.messageID(5)
        }
        set { setting(.properties).properties.correlationID = newValue }
    }

    /// The media type of a body of data, such as `application/json`.
    public var contentType: Symbol? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.contentType }
            return received?.symbol(6)
        }
        set { setting(.properties).properties.contentType = newValue }
    }

    /// How a body of data is encoded on top of its type, such as `gzip`.
    public var contentEncoding: Symbol? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.contentEncoding }
            return received?.symbol(7)
        }
        set { setting(.properties).properties.contentEncoding = newValue }
    }

    /// When the message is no longer of use.
    public var expiryTime: Timestamp? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.expiryTime }
            return received?.timestamp(8)
        }
        set { setting(.properties).properties.expiryTime = newValue }
    }

    /// When the message was made.
    public var creationTime: Timestamp? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.creationTime }
            return received?.timestamp(9)
        }
        set { setting(.properties).properties.creationTime = newValue }
    }

    /// The group that the message belongs to.
    public var groupID: String? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.groupID }
            return received?.string(10)
        }
        set { setting(.properties).properties.groupID = newValue }
    }

    /// The place of the message in its group.
    public var groupSequence: UInt32? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.groupSequence }
            return received?.uint(11)
        }
        set { setting(.properties).properties.groupSequence = newValue }
    }

    /// The group that replies belong to.
    public var replyToGroupID: String? {
        get {
            if let own, own.set.contains(.properties) { return own.properties.replyToGroupID }
            return received?.string(12)
        }
        set { setting(.properties).properties.replyToGroupID = newValue }
    }

    // MARK: Other sections

    /// Annotations for the next node only; the Python binding calls them instructions.
    public var deliveryAnnotations: Annotations {
        get {
            if let own, own.set.contains(.deliveryAnnotations) { return own.deliveryAnnotations }
            return received?.deliveryAnnotations ?? [:]
        }
        _modify { yield &setting(.deliveryAnnotations).deliveryAnnotations }
    }

    /// Annotations for the nodes on the way of the message.
    public var annotations: Annotations {
        get {
            if let own, own.set.contains(.annotations) { return own.annotations }
            return received?.annotations ?? [:]
        }
        _modify { yield &setting(.annotations).annotations }
    }

    /// The application's own properties.
    public var properties: ApplicationProperties {
        get {
            if let own, own.set.contains(.applicationProperties) { return own.applicationProperties }
            return received?.applicationProperties ?? [:]
        }
        _modify { yield &setting(.applicationProperties).applicationProperties }
    }

    /// What the message says; a null value when it was left out, here or by the peer.
    public var body: Body {
        get {
            if let own, own.set.contains(.body) { return own.body }
            return received?.body ?? .null
        }
        _modify { yield &setting(.body).body }
    }

    /// Where the bytes of a body that came in are, for as long as the message lives; nil for any other body.
    @usableFromInline var receivedBodyBytes: UnsafeRawBufferPointer? {
        if let own, own.set.contains(.body) { return nil }
        return received?.bodyBytes
    }

    /// What follows the body, such as hashes and signatures of it.
    public var footer: Annotations {
        get {
            if let own, own.set.contains(.footer) { return own.footer }
            return received?.footer ?? [:]
        }
        _modify { yield &setting(.footer).footer }
    }

    // MARK: Sections, set or received

    private var header: HeaderSection {
        if let own, own.set.contains(.header) { return own.header }
        return received?.header ?? HeaderSection()
    }

    private var standardProperties: PropertiesSection {
        if let own, own.set.contains(.properties) { return own.properties }
        return received?.properties ?? PropertiesSection()
    }

    /// What to change a section in: held by this message alone, with the section as it was.
    @inline(__always)
    private mutating func setting(_ section: SectionSet) -> SetSections {
        if isKnownUniquelyReferenced(&own), let own, own.set.contains(section) { return own }
        return takeOver(section)
    }

    @inline(never)
    private mutating func takeOver(_ section: SectionSet) -> SetSections {
        let sections = own?.copy() ?? SetSections()
        if let received, !sections.set.contains(section) {
            switch section {
            case .header: sections.header = received.header
            case .deliveryAnnotations: sections.deliveryAnnotations = received.deliveryAnnotations
            case .annotations: sections.annotations = received.annotations
            case .properties: sections.properties = received.properties
            case .applicationProperties: sections.applicationProperties = received.applicationProperties
            case .body: sections.body = received.body
            default: sections.footer = received.footer
            }
        }
        sections.set.insert(section)
        own = sections
        return sections
    }
}

extension Message: Hashable {
    /// Messages are equal when all their fields are, however they were encoded.
    public static func == (a: Message, b: Message) -> Bool {
        a.header == b.header && a.standardProperties == b.standardProperties
            && a.deliveryAnnotations == b.deliveryAnnotations && a.annotations == b.annotations
            && a.properties == b.properties && a.body == b.body && a.footer == b.footer
    }

    /// Feeds the properties and the body to a hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(standardProperties)
        hasher.combine(properties)
        hasher.combine(body)
    }
}

// MARK: - Encoding

extension Message {
    /// The encoding of the message; for a received one that nobody changed, the bytes it came in.
    ///
    /// - Throws: ``CodecError`` when a value in it is nested deeper than 1,024 levels or has a part larger than 4 GiB, or
    ///   when one of the application's properties is a list, a map or an array.
    public func encoded() throws(CodecError) -> [UInt8] {
        if own == nil, let received { return received.withParts { _, bytes in [UInt8](bytes) } }
        return try ValueWriter.array { (writer) throws(CodecError) in try writer.encode(self) }
    }

    func write(to writer: inout ValueWriter) {
        guard let received else {
            // Unlike an `if let`, it takes no reference of its own.
            own.map { writer.write($0) }
            return
        }
        received.withParts { layout, bytes in
            guard let own else { return writer.append(bytes) }
            for number in 0..<MessageLayout.sectionCount {
                if own.set.contains(SectionSet(number: number)) {
                    writer.write(own, section: number)
                } else {
                    writer.append(UnsafeRawBufferPointer(rebasing: bytes[layout.section(number)]))
                }
            }
        }
    }
}

/// A time to live in milliseconds, as near as its four bytes come.
private func milliseconds(_ duration: Duration) -> UInt32 {
    let (seconds, attoseconds) = duration.components
    let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    if overflow { return seconds < 0 ? 0 : .max }
    return UInt32(clamping: milliseconds.addingReportingOverflow(attoseconds / 1_000_000_000_000_000).partialValue)
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// An AMQP message: its header, annotations, properties and body (Messaging, section 3.2).
///
///     let message = Message(id: 1, body: ["sequence": 1])
///
/// A message is a value: copies are independent, cheap, and may be used on other threads. A message stores its encoding: the
/// bytes that arrived, which are validated as a whole, or the bytes that were encoded when it was made. Each read of a field
/// decodes it again, so keep a field that is used often in a constant. A section that is changed is stored separately until the
/// message is encoded again; the bytes of the other sections stay as they are.
public struct Message: Sendable {
    private(set) var encoding: EncodedMessage

    /// The changes since the message was encoded; nil if there are none.
    private(set) var draft: MessageDraft?

    // MARK: Making a message

    /// Creates a message from its fields, each of which is optional.
    ///
    /// A field with its default value is not sent, and neither is a section without fields. `timeToLive` is rounded down to whole
    /// milliseconds; the maximum is about 49 days. A longer time is sent as the maximum, and a negative one as zero.
    public init(
        id: borrowing MessageID? = nil,
        body: borrowing Body = .null,
        address: borrowing String? = nil,
        subject: borrowing String? = nil,
        replyTo: borrowing String? = nil,
        correlationID: borrowing MessageID? = nil,
        properties: borrowing ApplicationProperties = ApplicationProperties(),
        annotations: borrowing Annotations = Annotations(),
        contentType: borrowing Symbol? = nil,
        contentEncoding: borrowing Symbol? = nil,
        isDurable: Bool = false,
        priority: UInt8 = 4,
        timeToLive: Duration? = nil,
        isFirstAcquirer: Bool = false,
        deliveryCount: UInt32 = 0,
        userID: borrowing [UInt8]? = nil,
        expiryTime: Timestamp? = nil,
        creationTime: Timestamp? = nil,
        groupID: borrowing String? = nil,
        groupSequence: UInt32? = nil,
        replyToGroupID: borrowing String? = nil,
        deliveryAnnotations: borrowing Annotations = Annotations(),
        footer: borrowing Annotations = Annotations()
    ) {
        let header = HeaderSection(
            isDurable: isDurable, priority: priority, timeToLive: timeToLive.map(milliseconds),
            isFirstAcquirer: isFirstAcquirer, deliveryCount: deliveryCount)
        var writer = MessageWriter(
            estimate: 96 &+ address.byteCount &+ subject.byteCount &+ body.estimate &+ properties.estimate)
        writer.write(header)
        writer.write(deliveryAnnotations, section: 1)
        writer.write(annotations, section: 2)
        writer.writeProperties(
            id: id, userID: userID, address: address, subject: subject, replyTo: replyTo,
            correlationID: correlationID, contentType: contentType, contentEncoding: contentEncoding,
            expiryTime: expiryTime, creationTime: creationTime, groupID: groupID, groupSequence: groupSequence,
            replyToGroupID: replyToGroupID)
        writer.write(properties)
        writer.write(body)
        writer.write(footer, section: MessageLayout.footer)
        do throws(CodecError) {
            encoding = try writer.finish()
        } catch {
            // There is no encoding: a later call that needs it throws the problem.
            encoding = .empty
            let draft = MessageDraft()
            draft.header = header
            draft.annotations[1] = copy deliveryAnnotations
            draft.annotations[2] = copy annotations
            draft.properties = PropertiesSection(
                id: copy id, userID: copy userID, address: copy address, subject: copy subject, replyTo: copy replyTo,
                correlationID: copy correlationID, contentType: copy contentType,
                contentEncoding: copy contentEncoding, expiryTime: expiryTime, creationTime: creationTime,
                groupID: copy groupID, groupSequence: groupSequence, replyToGroupID: copy replyToGroupID)
            draft.applicationProperties = copy properties
            draft.body = copy body
            draft.annotations[MessageLayout.footer] = copy footer
            self.draft = draft
        }
    }

    /// Creates a message from its encoding, which must be all of the bytes.
    ///
    /// All of it is validated here, in one walk over the bytes that builds no values; reading the fields cannot fail afterwards.
    /// - Throws: ``CodecError`` if the bytes are not exactly one valid message within the limits.
    public init(decoding bytes: borrowing [UInt8], limits: DecodingLimits = .default) throws(CodecError) {
        do {
            encoding = try EncodedMessage(capacity: bytes.count, limits) { memory in
                bytes.withUnsafeBytes { memory.copyMemory(from: $0) }
                return bytes.count
            }
        } catch {
            throw error.error
        }
    }

    /// Creates the message of an encoding.
    init(_ encoding: EncodedMessage) { self.encoding = encoding }

    /// Creates a message from bytes that a closure writes into the message's memory, which saves a copy.
    ///
    /// - Parameters:
    ///   - capacity: the maximum number of bytes.
    ///   - fill: called once; returns the number of bytes.
    /// - Throws: ``InvalidMessage`` if the bytes are not exactly one valid message within the limits.
    package init(
        capacity: Int, limits: DecodingLimits, filling fill: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(InvalidMessage) {
        encoding = try EncodedMessage(capacity: capacity, limits, fill)
    }

    // MARK: Header

    /// Whether the message must survive a failure of a node that stores it; false by default.
    public var isDurable: Bool {
        get { draft?.header?.isDurable ?? encoding.isDurable }
        set { changedHeader.isDurable = newValue }
    }

    /// The priority of the message, 0 to 255: higher ones are delivered first; 4 by default.
    public var priority: UInt8 {
        get { draft?.header?.priority ?? encoding.priority }
        set { changedHeader.priority = newValue }
    }

    /// The time to live of the message, from when it is sent; nil if the message does not expire.
    ///
    /// It is rounded down to whole milliseconds; the maximum is about 49 days. A longer time is sent as the maximum, and a
    /// negative one as zero.
    public var timeToLive: Duration? {
        get { (draft?.header.map(\.timeToLive) ?? encoding.timeToLive).map { .milliseconds($0) } }
        set { changedHeader.timeToLive = newValue.map(milliseconds) }
    }

    /// Whether the message has not been acquired by any other link before; false by default.
    public var isFirstAcquirer: Bool {
        get { draft?.header?.isFirstAcquirer ?? encoding.isFirstAcquirer }
        set { changedHeader.isFirstAcquirer = newValue }
    }

    /// The number of earlier deliveries that failed; 0 by default.
    public var deliveryCount: UInt32 {
        get { draft?.header?.deliveryCount ?? encoding.deliveryCount }
        set { changedHeader.deliveryCount = newValue }
    }

    // MARK: Other sections

    /// Annotations for the next node only; the Python binding calls them instructions.
    public var deliveryAnnotations: Annotations {
        get { annotations(1) }
        @inlinable
        _modify {
            var section = take(annotations: 1)
            defer { put(section, annotations: 1) }
            yield &section
        }
    }

    /// Annotations for all nodes on the route of the message.
    public var annotations: Annotations {
        get { annotations(2) }
        @inlinable
        _modify {
            var section = take(annotations: 2)
            defer { put(section, annotations: 2) }
            yield &section
        }
    }

    /// The application's own properties.
    public var properties: ApplicationProperties {
        get {
            if let draft, let section = draft.applicationProperties { return section }
            return encoding.map(ofSection: MessageLayout.applicationProperties)
        }
        @inlinable
        _modify {
            var section = takeProperties()
            defer { put(section) }
            yield &section
        }
    }

    /// The body of the message; null if this program or the peer left it out.
    public var body: Body {
        get { draft?.body ?? encoding.body }
        _modify {
            var section = body
            let draft = ownDraft()
            draft.body = nil
            defer { draft.body = section }
            yield &section
        }
    }

    /// Annotations after the body, such as hashes and signatures of it.
    public var footer: Annotations {
        get { annotations(6) }
        @inlinable
        _modify {
            var section = take(annotations: 6)
            defer { put(section, annotations: 6) }
            yield &section
        }
    }

    // MARK: Sections, changed or encoded

    var header: HeaderSection { draft?.header ?? encoding.header }

    var standardProperties: PropertiesSection { draft?.properties ?? encoding.properties }

    private var changedHeader: HeaderSection {
        get { header }
        set { ownDraft().header = newValue }
    }

    var changedProperties: PropertiesSection {
        get { standardProperties }
        _modify {
            var section = standardProperties
            let draft = ownDraft()
            draft.properties = nil
            defer { draft.properties = section }
            yield &section
        }
    }

    private func annotations(_ number: Int) -> Annotations {
        draft?.annotations[number] ?? encoding.map(ofSection: number)
    }

    // While a map is being changed it is taken out of the draft, so that its pairs have one reference, and then put back. The
    // accessors are inlined into their callers: otherwise each call would allocate memory for the map.

    @usableFromInline mutating func take(annotations number: Int) -> Annotations {
        let section = annotations(number)
        if draft?.annotations[number] != nil { ownDraft().annotations[number] = nil }
        return section
    }

    @usableFromInline mutating func put(_ section: Annotations, annotations number: Int) {
        if !adopt(section.pairs, number) { ownDraft().annotations[number] = section }
    }

    @usableFromInline mutating func takeProperties() -> ApplicationProperties {
        let section = properties
        if draft?.applicationProperties != nil { ownDraft().applicationProperties = nil }
        return section
    }

    @usableFromInline mutating func put(_ section: ApplicationProperties) {
        if !adopt(section.pairs, MessageLayout.applicationProperties) { ownDraft().applicationProperties = section }
    }

    /// Replaces the encoding by that of a changed section.
    /// - Returns: false unless the pairs are encoded in a copy of this message that differs in this section only.
    private mutating func adopt(_ pairs: OrderedMap<some MapKey>.Pairs, _ section: Int) -> Bool {
        guard case .encoded(let pairs) = pairs, Int(pairs.section) == section, let base = pairs.base,
            base.isIdentical(to: encoding)
        else { return false }
        encoding = pairs.message
        return true
    }

    /// The draft for a change, which only this message references.
    private mutating func ownDraft() -> MessageDraft {
        if isKnownUniquelyReferenced(&draft), let draft { return draft }
        let own = draft?.copy() ?? MessageDraft()
        draft = own
        return own
    }
}

/// A time to live in milliseconds, limited to the range of its four bytes.
private func milliseconds(_ duration: Duration) -> UInt32 {
    let (seconds, attoseconds) = duration.components
    let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    if overflow { return seconds < 0 ? 0 : .max }
    return UInt32(clamping: milliseconds.addingReportingOverflow(attoseconds / 1_000_000_000_000_000).partialValue)
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// An AMQP message: what it says, and what the nodes on its way need to know about it (Messaging, section 3.2).
///
///     let message = Message(id: 1, body: ["sequence": 1])
///
/// A message is a value: copies are independent, cheap, and may go to other threads. It is its encoding: the bytes that it
/// was received in, checked as a whole, or those that it was made as, once. A field is read from them when it is asked for,
/// each time, so keep in a constant what you use often. A section that is changed is kept apart until the message is
/// encoded again; the bytes of the others stay as they are.
public struct Message: Sendable {
    private(set) var encoding: EncodedMessage

    /// What was changed since; nil when nothing was.
    private(set) var draft: MessageDraft?

    // MARK: Making a message

    /// A message made of its fields, each of which may be left out.
    ///
    /// A field at its default is not sent, and neither is a section without fields. `timeToLive` counts in whole
    /// milliseconds, up to about 49 days; what is longer counts as that, what is negative as zero.
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
            // It has no encoding: whoever asks for that is told why.
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

    /// The message of its encoding, which must take up all the bytes.
    ///
    /// The whole of it is checked here, at the cost of a walk over the bytes that builds nothing; reading its fields
    /// cannot fail any more.
    /// - Throws: ``CodecError`` when the bytes are anything else than one valid message within the limits.
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

    /// The message that an encoding is.
    init(_ encoding: EncodedMessage) { self.encoding = encoding }

    /// The message of bytes that a closure puts into memory, which saves a copy.
    ///
    /// - Parameters:
    ///   - capacity: how many bytes there are at most.
    ///   - fill: called once; returns how many there are.
    /// - Throws: ``InvalidMessage`` when the bytes are anything else than one valid message within the limits.
    package init(
        capacity: Int, limits: DecodingLimits, filling fill: (UnsafeMutableRawBufferPointer) -> Int
    ) throws(InvalidMessage) {
        encoding = try EncodedMessage(capacity: capacity, limits, fill)
    }

    // MARK: Header

    /// Whether the message must survive a failure of a node that keeps it; false by default.
    public var isDurable: Bool {
        get { draft?.header?.isDurable ?? encoding.isDurable }
        set { changedHeader.isDurable = newValue }
    }

    /// How urgent the message is, 0 to 255: higher goes first; 4 by default.
    public var priority: UInt8 {
        get { draft?.header?.priority ?? encoding.priority }
        set { changedHeader.priority = newValue }
    }

    /// How long the message is of use, from when it was sent; nil for ever.
    ///
    /// It counts in whole milliseconds, up to about 49 days; what is longer counts as that, what is negative as zero.
    public var timeToLive: Duration? {
        get { (draft?.header.map(\.timeToLive) ?? encoding.timeToLive).map { .milliseconds($0) } }
        set { changedHeader.timeToLive = newValue.map(milliseconds) }
    }

    /// Whether nobody has acquired the message before; false by default.
    public var isFirstAcquirer: Bool {
        get { draft?.header?.isFirstAcquirer ?? encoding.isFirstAcquirer }
        set { changedHeader.isFirstAcquirer = newValue }
    }

    /// How often the message was delivered before without success; 0 by default.
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

    /// Annotations for the nodes on the way of the message.
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

    /// What the message says; a null value when it was left out, here or by the peer.
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

    /// What follows the body, such as hashes and signatures of it.
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

    // A map that is changed is taken out of the draft, so that it is the only one with its pairs, and put back. The accessors
    // are inlined where they are used: else each would need memory for what it holds meanwhile.

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

    /// Takes over the encoding with a section that was changed there.
    /// - Returns: whether there is one, and it is this message but for that.
    private mutating func adopt(_ pairs: OrderedMap<some MapKey>.Pairs, _ section: Int) -> Bool {
        guard case .encoded(let pairs) = pairs, Int(pairs.section) == section, let base = pairs.base,
            base.isIdentical(to: encoding)
        else { return false }
        encoding = pairs.message
        return true
    }

    /// What to change a section in, held by this message alone.
    private mutating func ownDraft() -> MessageDraft {
        if isKnownUniquelyReferenced(&draft), let draft { return draft }
        let own = draft?.copy() ?? MessageDraft()
        draft = own
        return own
    }
}

/// A time to live in milliseconds, as near as its four bytes come.
private func milliseconds(_ duration: Duration) -> UInt32 {
    let (seconds, attoseconds) = duration.components
    let (milliseconds, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    if overflow { return seconds < 0 ? 0 : .max }
    return UInt32(clamping: milliseconds.addingReportingOverflow(attoseconds / 1_000_000_000_000_000).partialValue)
}

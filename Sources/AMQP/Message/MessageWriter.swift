// How the sections of a message are written: only what is set, fields at their default left out. Where each begins and ends
// is noted in the layout.

extension ValueWriter {
    mutating func writeHeader(_ header: HeaderSection, _ layout: inout MessageLayout) {
        if header == HeaderSection() { return }
        var fields = beginFields(0x70)
        writeField(header.isDurable ? true : nil, &fields) { $0.write($1) }
        writeField(header.priority == 4 ? nil : header.priority, &fields) { $0.write($1) }
        writeField(header.timeToLive, &fields) { $0.write($1) }
        writeField(header.isFirstAcquirer ? true : nil, &fields) { $0.write($1) }
        writeField(header.deliveryCount == 0 ? nil : header.deliveryCount, &fields) { $0.write($1) }
        endFields(fields)
        layout.setStart(0, fields.start)
        layout.setEnd(0, count)
    }

    mutating func writeProperties(_ properties: borrowing PropertiesSection, _ layout: inout MessageLayout) {
        var fields = beginFields(0x73)
        writeField(properties.id, 0, &fields, &layout) { $0.write($1) }
        writeField(properties.userID, 1, &fields, &layout) { $0.write($1) }
        writeField(properties.address, 2, &fields, &layout) { $0.write($1) }
        writeField(properties.subject, 3, &fields, &layout) { $0.write($1) }
        writeField(properties.replyTo, 4, &fields, &layout) { $0.write($1) }
        writeField(properties.correlationID, 5, &fields, &layout) { $0.write($1) }
        writeField(properties.contentType, 6, &fields, &layout) { $0.write($1) }
        writeField(properties.contentEncoding, 7, &fields, &layout) { $0.write($1) }
        writeField(properties.expiryTime, 8, &fields, &layout) { $0.write($1) }
        writeField(properties.creationTime, 9, &fields, &layout) { $0.write($1) }
        writeField(properties.groupID, 10, &fields, &layout) { $0.write($1) }
        writeField(properties.groupSequence, 11, &fields, &layout) { $0.write($1) }
        writeField(properties.replyToGroupID, 12, &fields, &layout) { $0.write($1) }
        guard fields.count > 0 else { return truncate(to: fields.start) }
        let written = count
        endFields(fields)
        // The head of a long list takes more bytes than were left for it.
        if count > written { layout.moveProperties(by: count &- written) }
        layout.setStart(MessageLayout.properties, fields.start)
        layout.setEnd(MessageLayout.properties, count)
    }

    mutating func writeApplicationProperties(_ properties: ApplicationProperties, _ layout: inout MessageLayout) {
        if properties.isEmpty { return }
        layout.setStart(MessageLayout.applicationProperties, count)
        writeDescriptor(0x74)
        write(properties)
        layout.setEnd(MessageLayout.applicationProperties, count)
    }

    /// Writes annotations or a footer, whose number is that of the section.
    mutating func writeAnnotations(_ annotations: Annotations, _ number: Int, _ layout: inout MessageLayout) {
        if annotations.isEmpty { return }
        layout.setStart(number, count)
        writeDescriptor(number == MessageLayout.footer ? 0x78 : 0x70 | UInt8(truncatingIfNeeded: number))
        write(annotations)
        layout.setEnd(number, count)
    }

    /// Writes the body, but for the contents of a large data section, which are left as they are.
    mutating func writeBody(_ body: Message.Body, _ layout: inout MessageLayout, _ content: inout [UInt8]?) {
        layout.setStart(MessageLayout.body, count)
        switch body {
        case .value(let value):
            layout.bodyKind = .value
            writeDescriptor(0x77)
            write(value)
        case .data(let bytes):
            layout.bodyKind = .data
            writeDescriptor(0x75)
            if bytes.count > Message.Body.largestInPlace {
                writeHead(0xb0, ofLarge: bytes.count)
                layout.contentOffset = count
                content = bytes
            } else {
                write(bytes)
            }
        case .sequence(let elements):
            layout.bodyKind = .sequence
            writeSequence(elements)
        case .dataSections(let sections):
            layout.bodyKind = .data
            // A body has at least one section.
            if sections.isEmpty { writeData([]) }
            for section in sections { writeData(section) }
        case .sequenceSections(let sections):
            layout.bodyKind = .sequence
            if sections.isEmpty { writeSequence([]) }
            for section in sections { writeSequence(section) }
        }
        layout.setEnd(MessageLayout.body, count)
    }

    private mutating func writeData(_ bytes: [UInt8]) {
        writeDescriptor(0x75)
        write(bytes)
    }

    private mutating func writeSequence(_ elements: [AMQPValue]) {
        writeDescriptor(0x76)
        write(elements)
    }

    private mutating func write(_ id: MessageID) {
        switch id {
        case .ulong(let value): write(value)
        case .uuid(let value): write(value)
        case .binary(let value): write(value)
        case .string(let value): write(value)
        }
    }

    // MARK: Maps

    private mutating func write(_ map: Annotations) {
        switch map.pairs {
        case .encoded(let pairs): write(pairs)
        case .made(let pairs):
            let start = beginCompound(0xc1, count: pairs.count * 2)
            for (key, value) in pairs {
                switch key {
                case .symbol(let key): write(key)
                case .ulong(let key): write(key)
                }
                write(value, depth: 1)
            }
            endCompound(start, count: pairs.count * 2)
        }
    }

    private mutating func write(_ map: ApplicationProperties) {
        switch map.pairs {
        case .encoded(let pairs): write(pairs)
        case .made(let pairs):
            let start = beginCompound(0xc1, count: pairs.count * 2)
            pairs.withUnsafeBufferPointer { pairs in
                // Through the buffer, no pair is copied.
                for index in pairs.indices {
                    write(pairs[index].0)
                    if pairs[index].1.isCompound { fail(EncodingProblem.compoundProperty.message, .malformed) }
                    write(pairs[index].1, depth: 1)
                }
            }
            endCompound(start, count: pairs.count * 2)
        }
    }

    private mutating func write(_ pairs: EncodedPairs) {
        let start = beginCompound(0xc1, count: pairs.count * 2)
        pairs.withBytes { append($0) }
        endCompound(start, count: pairs.count * 2)
    }
}

// MARK: - Estimates

extension PropertiesSection {
    /// About how many bytes the fields take whose size is not known without them.
    var estimate: Int {
        (id?.estimate ?? 0) &+ (userID?.count ?? 0) &+ (address?.utf8.count ?? 0) &+ (subject?.utf8.count ?? 0)
            &+ (replyTo?.utf8.count ?? 0) &+ (correlationID?.estimate ?? 0) &+ (contentType?.name.utf8.count ?? 0)
            &+ (contentEncoding?.name.utf8.count ?? 0) &+ (groupID?.utf8.count ?? 0)
            &+ (replyToGroupID?.utf8.count ?? 0)
    }
}

extension MessageID {
    fileprivate var estimate: Int {
        switch self {
        case .ulong: 0
        case .uuid: 16
        case .binary(let bytes): bytes.count
        case .string(let text): text.utf8.count
        }
    }
}

extension OrderedMap {
    /// About how many bytes the pairs take.
    var estimate: Int {
        switch pairs {
        case .made(let pairs): pairs.count &* 32
        case .encoded(let pairs): pairs.withBytes { $0.count }
        }
    }
}

extension Message.Body {
    /// The largest data that is copied to the other bytes of a message.
    ///
    /// Measured: beyond about a thousand bytes a second piece costs proton less than the copy and memory of that size do.
    static let largestInPlace = 768

    /// About how many bytes the body takes.
    var estimate: Int {
        switch self {
        case .data(let bytes): bytes.count <= Self.largestInPlace ? bytes.count : 0
        case .value(.string(let text)): text.utf8.count
        case .value(.binary(let bytes)): bytes.count
        case .value(.map(let map)): map.estimate
        case .value(.list(let elements)), .sequence(let elements): elements.count &* 16
        case .value, .dataSections, .sequenceSections: 0
        }
    }
}

// MARK: - Lists of fields

/// A described list under way whose last fields may be absent.
struct FieldList {
    /// Where the descriptor begins.
    let start: Int
    /// Where the list begins.
    let list: Int
    /// How many fields are written.
    var count = 0
    /// How many fields after those were nil: they become nulls as soon as another follows.
    var pendingNulls = 0
}

extension ValueWriter {
    /// Writes a descriptor that is a small number.
    mutating func writeDescriptor(_ code: UInt8) {
        write(0x00, 0x53, code)
    }

    /// Begins a list of fields with a descriptor.
    mutating func beginFields(_ code: UInt8) -> FieldList {
        let start = count
        writeDescriptor(code)
        return FieldList(start: start, list: beginCompound(0xc0, count: 0))
    }

    /// Writes the next field, which is a null when it is nil and others follow.
    @inline(__always)
    mutating func writeField<T>(_ value: T?, _ fields: inout FieldList, _ write: (inout ValueWriter, T) -> Void) {
        if value == nil {
            fields.pendingNulls &+= 1
            return
        }
        writePendingNulls(&fields)
        // Unlike an unwrapped copy, it takes no reference of its own.
        value.map { write(&self, $0) }
        fields.count &+= 1
    }

    /// Writes the next of the standard properties, and notes where its value is.
    @inline(__always)
    mutating func writeField<T>(
        _ value: T?, _ number: Int, _ fields: inout FieldList, _ layout: inout MessageLayout,
        _ write: (inout ValueWriter, T) -> Void
    ) {
        if value == nil {
            fields.pendingNulls &+= 1
            return
        }
        writePendingNulls(&fields)
        layout.properties[number] = UInt32(truncatingIfNeeded: count)
        // Unlike an unwrapped copy, it takes no reference of its own.
        value.map { write(&self, $0) }
        fields.count &+= 1
    }

    @inline(__always)
    private mutating func writePendingNulls(_ fields: inout FieldList) {
        while fields.pendingNulls > 0 {
            writeNull()
            fields.pendingNulls &-= 1
            fields.count &+= 1
        }
    }

    /// Ends the list; one without fields is not written at all, unless it is to be kept, and then as an empty list.
    mutating func endFields(_ fields: FieldList, keepsEmpty: Bool = false) {
        if fields.count > 0 {
            endCompound(fields.list, count: fields.count)
        } else if keepsEmpty {
            truncate(to: fields.list)
            write(byte: 0x45)
        } else {
            truncate(to: fields.start)
        }
    }
}

// How the sections of a message are written: only what is set, fields at their default left out.

extension ValueWriter {
    /// Writes all sections.
    mutating func write(_ message: SetSections) {
        writeHeader(message)
        writeAnnotations(message.deliveryAnnotations, 0x71)
        writeAnnotations(message.annotations, 0x72)
        writeProperties(message)
        writeApplicationProperties(message)
        writeBody(message)
        writeAnnotations(message.footer, 0x78)
    }

    /// Writes a section by its number in the order of the wire; nothing when there is nothing in it.
    mutating func write(_ message: SetSections, section number: Int) {
        switch number {
        case 0: writeHeader(message)
        case 1: writeAnnotations(message.deliveryAnnotations, 0x71)
        case 2: writeAnnotations(message.annotations, 0x72)
        case 3: writeProperties(message)
        case 4: writeApplicationProperties(message)
        case 5: writeBody(message)
        default: writeAnnotations(message.footer, 0x78)
        }
    }

    private mutating func writeHeader(_ message: SetSections) {
        let header = message.header
        if header == HeaderSection() { return }
        var fields = beginFields(0x70)
        writeField(header.isDurable ? true : nil, &fields) { $0.write($1) }
        writeField(header.priority == 4 ? nil : header.priority, &fields) { $0.write($1) }
        writeField(header.timeToLive, &fields) { $0.write($1) }
        writeField(header.isFirstAcquirer ? true : nil, &fields) { $0.write($1) }
        writeField(header.deliveryCount == 0 ? nil : header.deliveryCount, &fields) { $0.write($1) }
        endFields(fields)
    }

    private mutating func writeProperties(_ message: SetSections) {
        var fields = beginFields(0x73)
        writeField(message.properties.id, &fields) { $0.write($1) }
        writeField(message.properties.userID, &fields) { $0.write($1) }
        writeField(message.properties.address, &fields) { $0.write($1) }
        writeField(message.properties.subject, &fields) { $0.write($1) }
        writeField(message.properties.replyTo, &fields) { $0.write($1) }
        writeField(message.properties.correlationID, &fields) { $0.write($1) }
        writeField(message.properties.contentType, &fields) { $0.write($1) }
        writeField(message.properties.contentEncoding, &fields) { $0.write($1) }
        writeField(message.properties.expiryTime, &fields) { $0.write($1) }
        writeField(message.properties.creationTime, &fields) { $0.write($1) }
        writeField(message.properties.groupID, &fields) { $0.write($1) }
        writeField(message.properties.groupSequence, &fields) { $0.write($1) }
        writeField(message.properties.replyToGroupID, &fields) { $0.write($1) }
        endFields(fields)
    }

    private mutating func writeApplicationProperties(_ message: SetSections) {
        if message.applicationProperties.isEmpty { return }
        writeDescriptor(0x74)
        write(message.applicationProperties)
    }

    private mutating func writeBody(_ message: SetSections) {
        switch message.body {
        case .value(let value):
            writeDescriptor(0x77)
            write(value)
        case .data(let bytes): writeData(bytes)
        case .sequence(let elements): writeSequence(elements)
        case .dataSections(let sections):
            // A body has at least one section.
            if sections.isEmpty { writeData([]) }
            for section in sections { writeData(section) }
        case .sequenceSections(let sections):
            if sections.isEmpty { writeSequence([]) }
            for section in sections { writeSequence(section) }
        }
    }

    private mutating func writeData(_ bytes: [UInt8]) {
        writeDescriptor(0x75)
        write(bytes)
    }

    private mutating func writeSequence(_ elements: [AMQPValue]) {
        writeDescriptor(0x76)
        write(elements)
    }

    private mutating func writeAnnotations(_ annotations: Annotations, _ code: UInt8) {
        if annotations.isEmpty { return }
        writeDescriptor(code)
        write(annotations)
    }

    private mutating func write(_ id: MessageID) {
        switch id {
        case .ulong(let value): write(value)
        case .uuid(let value): write(value)
        case .binary(let value): write(value)
        case .string(let value): write(value)
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
        while fields.pendingNulls > 0 {
            writeNull()
            fields.pendingNulls &-= 1
            fields.count &+= 1
        }
        // Unlike an unwrapped copy, it takes no reference of its own.
        value.map { write(&self, $0) }
        fields.count &+= 1
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

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Writes the sections of a message in their order, and records the position of each. It omits sections without fields, and
/// fields with their default value.
///
/// A value that cannot be encoded does not stop the writer: ``finish()`` throws the first problem.
struct MessageWriter: ~Copyable {
    private let memory: EncodedMessage.Memory
    /// The header of the memory, which the writer keeps alive.
    private let head: UnsafeMutablePointer<EncodedMessage.Head>
    private var values: ValueWriter

    /// A writer with room for about `estimate` bytes; a larger message is copied once.
    @inline(__always)
    init(estimate: Int) {
        let memory = EncodedMessage.Memory.create(minimumCapacity: estimate) { _ in EncodedMessage.Head() }
        self.memory = memory
        // The pointers are valid as long as the memory, which only the writer references until it ends.
        let (head, bytes) = memory.withUnsafeMutablePointers { ($0, $1) }
        self.head = head
        values = ValueWriter(scratch: UnsafeMutableRawBufferPointer(start: bytes, count: estimate))
    }

    /// The message.
    @inline(__always)
    consuming func finish() throws(CodecError) -> EncodedMessage {
        guard values.error == nil, !values.hasOutgrownScratch else { return try finishUnusually() }
        head.pointee.count = values.count
        return EncodedMessage(memory)
    }

    @inline(never)
    private consuming func finishUnusually() throws(CodecError) -> EncodedMessage {
        if let error = values.error { throw error }
        let count = values.count
        guard count <= DecodingLimits.maximumSize else {
            throw CodecError(.limitExceeded, at: count, "A message without its data is larger than 4 GiB")
        }
        head.pointee.count = count
        let larger = EncodedMessage.Memory.create(minimumCapacity: count) { _ in head.pointee }
        larger.withUnsafeMutablePointerToElements { bytes in
            UnsafeMutableRawBufferPointer(start: bytes, count: count).copyMemory(from: values.bytes)
        }
        return EncodedMessage(larger)
    }

    // MARK: Header and properties

    @inline(__always)
    mutating func write(_ header: HeaderSection) {
        if !header.isDefault { writeFields(of: header) }
    }

    private mutating func writeFields(of header: HeaderSection) {
        var fields = values.beginFields(0x70)
        values.writeField(header.isDurable ? true : nil, &fields) { $0.write($1) }
        values.writeField(header.priority == 4 ? nil : header.priority, &fields) { $0.write($1) }
        values.writeField(header.timeToLive, &fields) { $0.write($1) }
        values.writeField(header.isFirstAcquirer ? true : nil, &fields) { $0.write($1) }
        values.writeField(header.deliveryCount == 0 ? nil : header.deliveryCount, &fields) { $0.write($1) }
        values.endFields(fields)
        end(MessageLayout.header, fields.start)
    }

    /// Writes the properties section from its fields, without needing a ``PropertiesSection``.
    @inline(__always)
    mutating func writeProperties(
        id: borrowing MessageID?, userID: borrowing [UInt8]?, address: borrowing String?, subject: borrowing String?,
        replyTo: borrowing String?, correlationID: borrowing MessageID?, contentType: borrowing Symbol?,
        contentEncoding: borrowing Symbol?, expiryTime: Timestamp?, creationTime: Timestamp?,
        groupID: borrowing String?,
        groupSequence: UInt32?, replyToGroupID: borrowing String?
    ) {
        let layout = head
        var fields = values.beginFields(0x73)
        values.writeField(id, 0, &fields, layout) { $0.write($1) }
        values.writeField(userID, 1, &fields, layout) { $0.write($1) }
        values.writeField(address, 2, &fields, layout) { $0.write($1) }
        values.writeField(subject, 3, &fields, layout) { $0.write($1) }
        values.writeField(replyTo, 4, &fields, layout) { $0.write($1) }
        values.writeField(correlationID, 5, &fields, layout) { $0.write($1) }
        values.writeField(contentType, 6, &fields, layout) { $0.write($1) }
        values.writeField(contentEncoding, 7, &fields, layout) { $0.write($1) }
        values.writeField(expiryTime, 8, &fields, layout) { $0.write($1) }
        values.writeField(creationTime, 9, &fields, layout) { $0.write($1) }
        values.writeField(groupID, 10, &fields, layout) { $0.write($1) }
        values.writeField(groupSequence, 11, &fields, layout) { $0.write($1) }
        values.writeField(replyToGroupID, 12, &fields, layout) { $0.write($1) }
        guard fields.count > 0 else { return values.truncate(to: fields.start) }
        let written = values.count
        values.endFields(fields)
        // The head of a long list takes more bytes than were reserved for it.
        if values.count > written { head.pointee.layout.moveProperties(by: values.count &- written) }
        end(MessageLayout.properties, fields.start)
    }

    // MARK: Maps

    @inline(__always)
    mutating func write(_ properties: borrowing ApplicationProperties) {
        if !properties.isEmpty { writePairs(of: properties) }
    }

    /// Writes annotations or a footer, by the number of the section.
    @inline(__always)
    mutating func write(_ annotations: borrowing Annotations, section number: Int) {
        if !annotations.isEmpty { writePairs(of: annotations, number) }
    }

    private mutating func writePairs(of properties: ApplicationProperties) {
        let start = values.count
        if case .made(let pairs) = properties.pairs {
            values.writeSection(0x74, pairs)
        } else {
            writeEncodedSection(0x74, properties)
        }
        end(MessageLayout.applicationProperties, start)
    }

    private mutating func writePairs(of annotations: Annotations, _ number: Int) {
        let start = values.count
        let code = MessageLayout.code(ofMap: number)
        if case .made(let pairs) = annotations.pairs {
            values.writeSection(code, pairs)
        } else {
            writeEncodedSection(code, annotations)
        }
        end(number, start)
    }

    private mutating func writeEncodedSection<Key>(_ code: UInt8, _ section: OrderedMap<Key>) {
        guard case .encoded(let pairs) = section.pairs else { return }
        let map = values.beginDescribed(code, 0xc1, count: pairs.count * 2)
        pairs.withBytes { values.append($0) }
        values.endCompound(map, count: pairs.count * 2)
    }

    // MARK: Body

    /// Writes the body, except the contents of a large data section, which are stored separately.
    mutating func write(_ body: Message.Body) {
        let start = values.count
        switch body {
        case .value(let value):
            head.pointee.layout.bodyKind = .value
            values.writeDescriptor(0x77)
            values.write(value)
        case .data(let bytes):
            head.pointee.layout.bodyKind = .data
            values.writeDescriptor(0x75)
            if bytes.count > Message.Body.largestInPlace {
                keep(bytes)
            } else {
                values.write(bytes)
            }
        case .sequence(let elements):
            head.pointee.layout.bodyKind = .sequence
            writeSequence(elements)
        case .dataSections(let sections):
            head.pointee.layout.bodyKind = .data
            // A body has at least one section.
            if sections.isEmpty { writeData([]) }
            for section in sections { writeData(section) }
        case .sequenceSections(let sections):
            head.pointee.layout.bodyKind = .sequence
            if sections.isEmpty { writeSequence([]) }
            for section in sections { writeSequence(section) }
        }
        end(MessageLayout.body, start)
    }

    /// Writes the head of a large data section, whose contents are stored separately.
    @inline(never)
    private mutating func keep(_ bytes: [UInt8]) {
        values.writeHead(0xb0, ofLarge: bytes.count)
        head.pointee.layout.contentOffset = values.count
        head.pointee.content = bytes
    }

    private mutating func writeData(_ bytes: [UInt8]) {
        values.writeDescriptor(0x75)
        values.write(bytes)
    }

    private mutating func writeSequence(_ elements: [AMQPValue]) {
        values.writeDescriptor(0x76)
        values.write(elements)
    }

    /// Records the range of a section that ends here.
    @inline(__always)
    private mutating func end(_ number: Int, _ start: Int) {
        head.pointee.layout.setSection(number, start, values.count)
    }

    // MARK: Sections of another message

    /// Copies a section of another message unchanged.
    mutating func copy(section number: Int, of other: EncodedMessage) {
        let start = values.count
        other.withParts { layout, bytes in
            guard layout.pointee.contains(number) else { return }
            let section = layout.pointee.section(number)
            values.append(UnsafeRawBufferPointer(rebasing: bytes[section]))
            if number == MessageLayout.properties {
                head.pointee.layout.properties = layout.pointee.properties
                head.pointee.layout.moveProperties(by: start &- section.lowerBound)
            }
            end(number, start)
        }
    }

    /// Copies the body of another message unchanged.
    mutating func copyBody(of other: EncodedMessage) {
        copy(section: MessageLayout.body, of: other)
        head.pointee.layout.bodyKind = other.withParts { layout, _ in layout.pointee.bodyKind }
        if let content = other.content {
            head.pointee.content = content
            head.pointee.layout.contentOffset = values.count
        }
    }

    /// Copies another message, with other pairs in one section that is a map.
    /// - Parameter pairs: writes the pairs.
    /// - Returns: the offset of the pairs.
    @inline(__always)
    mutating func copy(
        _ other: EncodedMessage, pairsOf number: Int, count: Int, _ pairs: (inout ValueWriter) -> Void
    ) -> Int {
        other.withParts { layout, bytes in
            let old = layout.pointee.section(number)
            values.append(UnsafeRawBufferPointer(rebasing: bytes[..<old.lowerBound]))
            let map = values.beginDescribed(MessageLayout.code(ofMap: number), 0xc1, count: count * 2)
            pairs(&values)
            values.endCompound(map, count: count * 2)
            let first = map &+ values.headSize(at: map)
            let end = values.count
            values.append(UnsafeRawBufferPointer(rebasing: bytes[old.upperBound...]))
            head.pointee.layout = layout.pointee
            head.pointee.layout.setSection(number, old.lowerBound, end)
            head.pointee.layout.move(behind: number, by: end &- old.upperBound)
            if layout.pointee.contentOffset != 0 { head.pointee.content = other.content }
            return first
        }
    }
}
// MARK: - Estimates

extension PropertiesSection {
    /// An estimate of the bytes that the long fields take.
    var estimate: Int { 64 &+ address.byteCount &+ subject.byteCount &+ replyTo.byteCount &+ groupID.byteCount }
}

extension String? {
    /// The number of bytes of a text.
    @inline(__always)
    var byteCount: Int { self?.utf8.count ?? 0 }
}

extension OrderedMap {
    /// An estimate of the bytes that the pairs take.
    var estimate: Int {
        switch pairs {
        case .made(let pairs): pairs.count &* 32
        case .encoded(let pairs): pairs.withBytes { $0.count }
        }
    }
}

extension Message.Body {
    /// The largest data section that is copied to the other bytes of a message, in bytes.
    ///
    /// Measured: above about a thousand bytes, a second piece costs proton less than the copy and the memory for it.
    static let largestInPlace = 768

    /// An estimate of the bytes that the body takes.
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

/// A described list that is being written, and whose last fields may be absent.
struct FieldList {
    /// The offset of the descriptor.
    let start: Int
    /// The offset of the list.
    let list: Int
    /// The number of fields written.
    var count = 0
    /// The number of nil fields after those; they are written as nulls when another field follows.
    var pendingNulls = 0
}

extension ValueWriter {
    /// Writes a descriptor that is a small number.
    mutating func writeDescriptor(_ code: UInt8) {
        write(0x00, 0x53, code)
    }

    /// Begins a list of fields with a descriptor.
    @inline(__always)
    mutating func beginFields(_ code: UInt8) -> FieldList {
        let start = count
        return FieldList(start: start, list: beginDescribed(code, 0xc0, count: 0))
    }

    /// Writes the next field; a nil is written as a null if other fields follow.
    @inline(__always)
    mutating func writeField<T>(_ value: T?, _ fields: inout FieldList, _ write: (inout ValueWriter, T) -> Void) {
        if value == nil {
            fields.pendingNulls &+= 1
            return
        }
        writePendingNulls(&fields)
        // `map` retains nothing, unlike an unwrapped copy.
        value.map { write(&self, $0) }
        fields.count &+= 1
    }

    /// Writes the next standard property, and records the position of its value.
    @inline(__always)
    mutating func writeField<T>(
        _ value: borrowing T?, _ number: Int, _ fields: inout FieldList,
        _ head: UnsafeMutablePointer<EncodedMessage.Head>, _ write: (inout ValueWriter, T) -> Void
    ) {
        if value == nil {
            fields.pendingNulls &+= 1
            return
        }
        writePendingNulls(&fields)
        head.pointee.layout.properties[number] = UInt32(truncatingIfNeeded: count)
        // `map` retains nothing, unlike an unwrapped copy.
        value.map { write(&self, $0) }
        fields.count &+= 1
    }

    @inline(__always)
    private mutating func writePendingNulls(_ fields: inout FieldList) {
        if fields.pendingNulls > 0 {
            writeNulls(fields.pendingNulls)
            fields.count &+= fields.pendingNulls
            fields.pendingNulls = 0
        }
    }

    /// Ends the list. A list without fields is removed, or with `keepsEmpty` written as an empty list.
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

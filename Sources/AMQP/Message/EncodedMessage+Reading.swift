// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Reads the sections and fields of an encoded message.

extension EncodedMessage {
    // MARK: Header

    var header: HeaderSection {
        HeaderSection(
            isDurable: isDurable, priority: priority, timeToLive: timeToLive, isFirstAcquirer: isFirstAcquirer,
            deliveryCount: deliveryCount)
    }

    var isDurable: Bool { read(headerField: 0) { $0.boolean() } ?? false }

    var priority: UInt8 { read(headerField: 1) { UInt8(truncatingIfNeeded: $0.unsigned()) } ?? 4 }

    var timeToLive: UInt32? { read(headerField: 2) { UInt32(truncatingIfNeeded: $0.unsigned()) } }

    var isFirstAcquirer: Bool { read(headerField: 3) { $0.boolean() } ?? false }

    var deliveryCount: UInt32 { read(headerField: 4) { UInt32(truncatingIfNeeded: $0.unsigned()) } ?? 0 }

    // MARK: Other sections

    /// The map of a section, whose pairs stay encoded; an empty map if the section is absent.
    @inline(__always)
    func map<Key>(ofSection number: Int) -> OrderedMap<Key> {
        withParts { layout, bytes in
            guard layout.pointee.contains(number) else { return OrderedMap() }
            let section = layout.pointee.section(number)
            var reader = ValueReader(bytes, at: section.lowerBound)
            reader.skipDescriptor()
            let count = reader.count() / 2
            guard count > 0 else { return OrderedMap() }
            return OrderedMap(
                EncodedPairs(of: self, section: number, reader.offset..<section.upperBound, count: count))
        }
    }

    var body: Message.Body {
        switch withParts({ layout, _ in layout.pointee.bodyKind }) {
        case .none: .null
        case .value: read(section: MessageLayout.body) { .value($0.value()) } ?? .null
        case .data:
            if let content {
                .data(content)
            } else {
                bodySections(Message.Body.data, Message.Body.dataSections) { $0.binary() }
            }
        case .sequence: bodySections(Message.Body.sequence, Message.Body.sequenceSections) { $0.list() }
        }
    }

    // MARK: Properties

    var properties: PropertiesSection {
        PropertiesSection(
            id: messageID(0), userID: binary(1), address: string(2), subject: string(3), replyTo: string(4),
            correlationID: messageID(5), contentType: symbol(6), contentEncoding: symbol(7), expiryTime: timestamp(8),
            creationTime: timestamp(9), groupID: string(10), groupSequence: uint(11), replyToGroupID: string(12))
    }

    @inline(never)
    func messageID(_ field: Int) -> MessageID? { read(property: field) { $0.messageID() } ?? nil }

    @inline(never)
    func binary(_ field: Int) -> [UInt8]? { read(property: field) { $0.binary() } }

    @inline(never)
    func string(_ field: Int) -> String? { read(property: field) { $0.string() } }

    @inline(never)
    func symbol(_ field: Int) -> Symbol? { read(property: field) { $0.symbol() } }

    @inline(never)
    func timestamp(_ field: Int) -> Timestamp? { read(property: field) { $0.timestamp() } }

    @inline(never)
    func uint(_ field: Int) -> UInt32? { read(property: field) { UInt32(truncatingIfNeeded: $0.unsigned()) } }

    // MARK: Reading

    /// Reads the value of a property; nil if it is absent.
    @inline(__always)
    private func read<T>(property field: Int, _ body: (inout ValueReader) -> T) -> T? {
        withParts { layout, bytes in
            let offset = Int(layout.pointee.properties[field])
            guard offset != 0 else { return nil }
            var reader = ValueReader(bytes, at: offset)
            return body(&reader)
        }
    }

    /// Reads the value of a field of the header; nil if it is absent.
    @inline(__always)
    private func read<T>(headerField field: Int, _ body: (inout ValueReader) -> T) -> T? {
        read(section: MessageLayout.header) { reader -> T? in
            guard field < reader.count() else { return nil }
            for _ in 0..<field { reader.skipValue() }
            return reader.skipNull() ? nil : body(&reader)
        } ?? nil
    }

    /// Reads the value of a section; nil if it is absent.
    @inline(__always)
    private func read<T>(section number: Int, _ body: (inout ValueReader) -> T) -> T? {
        withParts { layout, bytes in
            guard layout.pointee.contains(number) else { return nil }
            var reader = ValueReader(bytes, at: layout.pointee.section(number).lowerBound)
            reader.skipDescriptor()
            return body(&reader)
        }
    }

    /// Reads the sections of the body, and makes a body of a single section or of several.
    @inline(__always)
    private func bodySections<T>(
        _ single: (T) -> Message.Body, _ several: ([T]) -> Message.Body, _ body: (inout ValueReader) -> T
    ) -> Message.Body {
        withParts { layout, bytes in
            let range = layout.pointee.section(MessageLayout.body)
            var reader = ValueReader(bytes, at: range.lowerBound)
            reader.skipDescriptor()
            let first = body(&reader)
            if reader.offset == range.upperBound { return single(first) }
            var sections = [first]
            while reader.offset < range.upperBound {
                reader.skipDescriptor()
                sections.append(body(&reader))
            }
            return several(sections)
        }
    }
}

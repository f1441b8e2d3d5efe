// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The positions of the sections and properties of an encoded message.
struct MessageLayout: Sendable {
    /// The kind of sections that a body consists of.
    enum BodyKind: UInt8, Sendable { case none, value, data, sequence }

    /// The numbers of the sections in the order of the encoding.
    static let header = 0, properties = 3, applicationProperties = 4, body = 5, footer = 6

    // SIMD vectors would also work, but they need memory aligned to their size, which costs more to allocate.

    /// The start of each section, by its number, and seven places further its end; both are 0 for an absent section.
    private var sections = InlineArray<14, UInt32>(repeating: 0)

    /// The positions of the values in the properties section, by the number of the field; 0 if it is absent or null.
    var properties = InlineArray<13, UInt32>(repeating: 0)

    /// The descriptor of a section that is a map, by the number of the section.
    static func code(ofMap number: Int) -> UInt8 { number == footer ? 0x78 : 0x70 | UInt8(truncatingIfNeeded: number) }

    var bodyKind = BodyKind.none

    /// The position of the contents of a large data section that are stored separately.
    var contentOffset = 0

    /// The range of a section, including its descriptor; empty if it is absent.
    func section(_ number: Int) -> Range<Int> {
        Range(uncheckedBounds: (Int(sections[number]), Int(sections[number &+ 7])))
    }

    /// Whether a section is present.
    func contains(_ number: Int) -> Bool { sections[number &+ 7] > 0 }

    /// Sets the range of a section.
    @inline(__always)
    mutating func setSection(_ number: Int, _ start: Int, _ end: Int) {
        setStart(number, start)
        setEnd(number, end)
    }

    /// Moves the positions of the properties' values by a distance.
    mutating func moveProperties(by distance: Int) {
        for field in properties.indices where properties[field] != 0 {
            properties[field] &+= UInt32(truncatingIfNeeded: distance)
        }
    }

    /// Moves the ranges of the sections after a section by a distance.
    mutating func move(behind number: Int, by distance: Int) {
        for section in 0...MessageLayout.footer where section > number && contains(section) {
            setSection(
                section, self.section(section).lowerBound &+ distance, self.section(section).upperBound &+ distance)
        }
        if number < MessageLayout.properties { moveProperties(by: distance) }
        if contentOffset != 0, number < MessageLayout.body { contentOffset &+= distance }
    }

    /// Sets the start of a section.
    @inline(__always)
    mutating func setStart(_ number: Int, _ offset: Int) { sections[number] = UInt32(truncatingIfNeeded: offset) }

    /// Sets the end of a section.
    @inline(__always)
    mutating func setEnd(_ number: Int, _ offset: Int) { sections[number &+ 7] = UInt32(truncatingIfNeeded: offset) }
}

extension Validator {
    /// Validates a whole message, section by section, and stores the positions of its parts in a new layout.
    mutating func findParts(_ layout: inout MessageLayout) throws(CodecError) {
        var offset = 0
        var last = -1
        while offset < count {
            let start = offset
            let (code, payload) = try sectionCode(offset)
            // The three kinds of body sections have the same place in the order.
            let number = code <= 0x74 ? Int(code &- 0x70) : code == 0x78 ? MessageLayout.footer : MessageLayout.body
            let repeats = number == last && (code == 0x75 || code == 0x76) && layout.bodyKind == bodyKind(code)
            guard number > last || repeats else {
                try EncodingProblem.sectionOutOfOrder(code).fail(start)
            }
            if !repeats { layout.setStart(number, start) }
            switch code {
            case 0x70: offset = try skipHeader(payload)
            case 0x73: offset = try skipProperties(payload, &layout)
            case 0x74: offset = try skipMap(payload, keys: .strings)
            case 0x75: offset = try skipData(payload)
            case 0x76: offset = try skipSequence(payload)
            case 0x77: offset = try skipValue(payload, count)
            default: offset = try skipMap(payload, keys: .annotations)
            }
            if number == MessageLayout.body { layout.bodyKind = bodyKind(code) }
            layout.setEnd(number, offset)
            last = number
        }
    }

    /// Validates the sections before the body, and returns the offset after them.
    mutating func skipHead() throws(CodecError) -> Int {
        var layout = MessageLayout()
        var offset = 0
        var last: UInt8 = 0
        while offset < count {
            let (code, payload) = try sectionCode(offset)
            if code >= 0x75 { return offset }
            guard code > last else { try EncodingProblem.sectionOutOfOrder(code).fail(offset) }
            switch code {
            case 0x70: offset = try skipHeader(payload)
            case 0x73: offset = try skipProperties(payload, &layout)
            case 0x74: offset = try skipMap(payload, keys: .strings)
            default: offset = try skipMap(payload, keys: .annotations)
            }
            last = code
        }
        return offset
    }

    private func bodyKind(_ code: UInt8) -> MessageLayout.BodyKind {
        code == 0x75 ? .data : code == 0x76 ? .sequence : .value
    }

    // MARK: Descriptors

    /// The last byte of the descriptor of the section at an offset, 0x70 to 0x78, and the offset of the section's value.
    @inline(__always)
    private mutating func sectionCode(_ offset: Int) throws(CodecError) -> (UInt8, Int) {
        if count &- offset > 3, load32(offset) &>> 16 == 0x0053 {
            let code = byte(offset &+ 2)
            if 0x70...0x78 ~= code { return (code, offset &+ 3) }
        }
        return try unusualSectionCode(offset)
    }

    /// The same for a descriptor that is a number in its long form, or a symbol.
    @inline(never)
    private mutating func unusualSectionCode(_ offset: Int) throws(CodecError) -> (UInt8, Int) {
        guard byte(offset) == 0x00 else {
            try EncodingProblem.noDescriptor(byte(offset)).fail(offset)
        }
        let payload = try skipValue(offset + 1, count)
        var reader = ValueReader(bytes, at: offset + 1)
        let descriptor = reader.value()
        let code: UInt8?
        switch descriptor {
        case .ulong(let number): code = UInt8(exactly: number)
        case .symbol(let name): code = Self.sectionNames.firstIndex(of: name.name).map { 0x70 + UInt8($0) }
        default: code = nil
        }
        guard let code, 0x70...0x78 ~= code else {
            throw CodecError(
                .malformed, at: offset + 1, "\(descriptor.debugDescription) describes no section of a message")
        }
        return (code, payload)
    }

    private static let sectionNames = [
        "amqp:header:list", "amqp:delivery-annotations:map", "amqp:message-annotations:map", "amqp:properties:list",
        "amqp:application-properties:map", "amqp:data:binary", "amqp:amqp-sequence:list", "amqp:amqp-value:*",
        "amqp:footer:map",
    ]

    // MARK: Sections

    private mutating func skipData(_ offset: Int) throws(CodecError) -> Int {
        guard offset < count else { try EncodingProblem.truncated.fail(offset) }
        guard byte(offset) == 0xa0 || byte(offset) == 0xb0 else {
            try EncodingProblem.noBinary(byte(offset)).fail(offset)
        }
        return try variable(byte(offset), offset &+ 1, count).upperBound
    }

    private mutating func skipSequence(_ offset: Int) throws(CodecError) -> Int {
        guard offset < count else { try EncodingProblem.truncated.fail(offset) }
        guard byte(offset) == 0x45 || byte(offset) == 0xc0 || byte(offset) == 0xd0 else {
            try EncodingProblem.noSequence(byte(offset)).fail(offset)
        }
        return try skipValue(offset, count)
    }

    private mutating func skipHeader(_ offset: Int) throws(CodecError) -> Int {
        let list = try fieldList(offset, maximum: 5)
        var next = list.start
        for field in 0..<list.count {
            guard next < list.end else { try EncodingProblem.truncated.fail(next) }
            if byte(next) == 0x40 {
                next &+= 1
                continue
            }
            guard FieldTypes(headerField: field).contains(byte(next)) else {
                try EncodingProblem.headerField(field, byte(next)).fail(next)
            }
            if byte(next) == 0x56 {
                next = try skipValue(next, list.end)
            } else {
                // Every value with a constructor of this kind is valid.
                remainingElements &-= 1
                next &+= 1 &+ fixedWidth(byte(next))
            }
        }
        return try endOfFields(next, list)
    }

    private mutating func skipProperties(_ offset: Int, _ layout: inout MessageLayout) throws(CodecError) -> Int {
        let list = try fieldList(offset, maximum: 13)
        var next = list.start
        for field in 0..<list.count {
            guard next < list.end else { try EncodingProblem.truncated.fail(next) }
            let constructor = byte(next)
            if constructor == 0x40 {
                next &+= 1
                continue
            }
            guard FieldTypes(propertiesField: field).contains(constructor) else {
                try EncodingProblem.propertiesField(field, constructor).fail(next)
            }
            layout.properties[field] = UInt32(truncatingIfNeeded: next)
            if constructor < 0xa0 {
                // Every value with a constructor of this kind is valid.
                remainingElements &-= 1
                next &+= 1 &+ fixedWidth(constructor)
            } else if isShortText(constructor), let end = shortTextEnd(next &+ 1, list.end) {
                remainingElements &-= 1
                next = end
            } else {
                next = try skipValue(next, list.end)
            }
        }
        return try endOfFields(next, list)
    }

    /// Checks that a list of fields ends where its last field ends.
    private func endOfFields(_ offset: Int, _ list: Compound) throws(CodecError) -> Int {
        guard offset <= list.end else { try EncodingProblem.truncated.fail(list.end) }
        guard remainingElements >= 0 else { try EncodingProblem.tooManyElements.fail(list.start) }
        try checkEnd(offset, list)
        return offset
    }

    /// Reads the head of the list of fields at an offset.
    @inline(__always)
    private func fieldList(_ offset: Int, maximum: Int) throws(CodecError) -> Compound {
        guard offset < count else { try EncodingProblem.truncated.fail(offset) }
        switch byte(offset) {
        case 0x45: return Compound(count: 0, start: offset &+ 1, end: offset &+ 1)
        case 0xc0, 0xd0:
            let list = try compound(byte(offset), offset &+ 1, count)
            guard list.count <= maximum else {
                try EncodingProblem.tooManyFields(list.count, maximum: maximum).fail(offset)
            }
            return list
        default: try EncodingProblem.noFieldList(byte(offset)).fail(offset)
        }
    }
}

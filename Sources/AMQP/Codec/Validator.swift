// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Validates encoded values completely, without building any.
///
/// ``ValueReader`` reads validated bytes without checks or error paths: sizes and counts agree, constructors exist, texts are
/// UTF-8 or ASCII, keys are distinct by their bytes, and the nesting is within the limits. Offsets count from the start of the
/// bytes.
struct Validator {
    let base: UnsafeRawPointer

    /// The number of bytes.
    let count: Int

    let maximumDepth: Int
    var remainingElements: Int
    /// How many bytes and elements of keys may still be compared as values.
    var remainingKeyWork: Int

    /// A validator of bytes within limits; throws if there are no bytes.
    init(_ bytes: UnsafeRawBufferPointer, _ limits: DecodingLimits) throws(CodecError) {
        guard let base = bytes.baseAddress, bytes.count > 0 else {
            try EncodingProblem.noBytes.fail(0)
        }
        guard bytes.count <= limits.totalSize else {
            try EncodingProblem.tooManyBytes(bytes.count, limit: limits.totalSize).fail(0)
        }
        self.base = base
        count = bytes.count
        maximumDepth = limits.depth
        // Every value takes a byte, except the elements of arrays of nulls and similar types: see DecodingLimits.elements.
        remainingElements = min(limits.elements, bytes.count + 256)
        // Without maps inside keys, each byte and element is compared once. Maps inside keys are compared again with each outer
        // map.
        remainingKeyWork = (bytes.count + 256) * 8
    }

    // MARK: Values

    /// Validates the value at an offset and returns the offset after it; the value must not extend beyond `end`.
    mutating func skipValue(_ offset: Int, _ end: Int, _ depth: Int = 0) throws(CodecError) -> Int {
        guard offset < end else { try EncodingProblem.truncated.fail(offset) }
        remainingElements &-= 1
        if remainingElements < 0 { try EncodingProblem.tooManyElements.fail(offset) }
        return try skipPayload(of: byte(offset), offset &+ 1, end, depth)
    }

    // Short texts and numbers, which most fields, keys and values are, need no function call.

    /// The end of the string or symbol whose one-byte size is at an offset; nil unless it is complete and ASCII.
    @inline(__always)
    func shortTextEnd(_ offset: Int, _ end: Int) -> Int? {
        guard offset < end else { return nil }
        let next = offset &+ 1 &+ Int(byte(offset))
        guard next <= end, isASCII(Range(uncheckedBounds: (offset &+ 1, next))) else { return nil }
        return next
    }

    /// The end of the value at an offset, if it has a fixed width and needs no further checks.
    @inline(__always)
    func plainEnd(_ offset: Int, _ end: Int) -> Int? {
        guard isPlain(byte(offset)) else { return nil }
        let next = offset &+ 1 &+ fixedWidth(byte(offset))
        return next <= end ? next : nil
    }

    /// Whether a constructor belongs to a short string or symbol.
    @inline(__always)
    func isShortText(_ constructor: UInt8) -> Bool { constructor & 0xfd == 0xa1 }

    /// Whether a constructor has a fixed width and any following bytes are valid. This includes the booleans without a byte, and
    /// excludes the boolean with a byte and characters.
    @inline(__always)
    private func isPlain(_ constructor: UInt8) -> Bool {
        // One bit for each: 0x74, 0x72...0x70, 0x61...0x60, 0x55...0x50, 0x44...0x40; and 0x98, 0x94, 0x84...0x80.
        let plain: UInt64 = constructor < 0x80 ? 0x0017_0003_003f_001f : 0x0000_0000_0110_001f
        return constructor &- 0x40 < 0x80 && plain &>> UInt64(constructor & 0x3f) & 1 != 0
    }

    /// The number of bytes after a constructor of fixed width: none for 0x4_, one for 0x5_, two for 0x6_, and so on.
    @inline(__always)
    func fixedWidth(_ constructor: UInt8) -> Int { (1 &<< (Int(constructor &>> 4) &- 4)) &>> 1 }

    /// Validates the bytes after a constructor and returns the offset after them.
    private mutating func skipPayload(
        of constructor: UInt8, _ offset: Int, _ end: Int, _ depth: Int
    ) throws(CodecError) -> Int {
        if isPlain(constructor) { return try skip(fixedWidth(constructor), offset, end) }
        switch constructor {
        case 0x45: return offset
        case 0xa0, 0xb0, 0xa1, 0xb1, 0xa3, 0xb3:
            let text = try variable(constructor, offset, end)
            if constructor & 0xf == 1 {
                try checkUTF8(text)
            } else if constructor & 0xf == 3 {
                try checkASCII(text)
            }
            return text.upperBound
        case 0xc0, 0xd0: return try skipList(constructor, offset, end, depth)
        case 0xc1, 0xd1: return try skipMap(constructor, offset, end, depth)
        case 0xe0, 0xf0: return try skipArray(constructor, offset, end, depth)
        case 0x00: return try skipDescribed(offset, end, depth)
        case 0x56:
            let next = try skip(1, offset, end)
            guard byte(offset) <= 1 else {
                try EncodingProblem.noBoolean(byte(offset)).fail(offset)
            }
            return next
        case 0x73:
            let next = try skip(4, offset, end)
            guard Unicode.Scalar(load32(offset)) != nil else {
                try EncodingProblem.noCharacter(load32(offset)).fail(offset)
            }
            return next
        default:
            try EncodingProblem.noConstructor(constructor).fail(offset &- 1)
        }
    }

    @inline(__always)
    private func skip(_ width: Int, _ offset: Int, _ end: Int) throws(CodecError) -> Int {
        guard width <= end &- offset else { try EncodingProblem.truncated.fail(offset) }
        return offset &+ width
    }

    private mutating func skipDescribed(_ offset: Int, _ end: Int, _ depth: Int) throws(CodecError) -> Int {
        try checkDepth(depth, offset)
        let value = try skipValue(offset, end, depth &+ 1)
        return try skipValue(value, end, depth &+ 1)
    }

    // MARK: Variable width

    /// The range of the contents of the binary, string or symbol whose size is at an offset.
    @inline(__always)
    func variable(_ constructor: UInt8, _ offset: Int, _ end: Int) throws(CodecError) -> Range<Int> {
        let start: Int
        let size: Int
        if constructor < 0xb0 {
            guard offset < end else { try EncodingProblem.truncated.fail(offset) }
            size = Int(byte(offset))
            start = offset &+ 1
        } else {
            guard end &- offset >= 4 else { try EncodingProblem.truncated.fail(offset) }
            size = Int(load32(offset))
            start = offset &+ 4
        }
        guard size <= end &- start else { try EncodingProblem.size(size, left: end &- start).fail(start) }
        return Range(uncheckedBounds: (start, start &+ size))
    }

    private func checkASCII(_ range: Range<Int>) throws(CodecError) {
        guard isASCII(range) else {
            let offset = range.first { byte($0) >= 0x80 } ?? range.lowerBound
            try EncodingProblem.noASCII(byte(offset)).fail(offset)
        }
    }

    private func checkUTF8(_ range: Range<Int>) throws(CodecError) {
        if isASCII(range) { return }
        let text = slice(range).assumingMemoryBound(to: UInt8.self).span
        do throws(UTF8.ValidationError) {
            _ = try UTF8Span(validating: text)
        } catch {
            let offset = range.lowerBound + error.byteOffsets.lowerBound
            try EncodingProblem.noUTF8.fail(offset)
        }
    }

    @inline(__always)
    private func isASCII(_ range: Range<Int>) -> Bool {
        let count = range.upperBound &- range.lowerBound
        guard range.upperBound >= 8, count <= 16 else { return slice(range).isASCII }
        // The last eight bytes up to the end of the text.
        let last = base.loadUnaligned(fromByteOffset: range.upperBound &- 8, as: UInt64.self).littleEndian
        if count >= 8 {
            // Together with the first eight bytes of the text, which may overlap them.
            let first = base.loadUnaligned(fromByteOffset: range.lowerBound, as: UInt64.self)
            return (first | last) & 0x8080_8080_8080_8080 == 0
        }
        // Without the bytes before the text, which are the low ones in memory.
        return count == 0 || (last &>> UInt64(truncatingIfNeeded: 8 &* (8 &- count))) & 0x8080_8080_8080_8080 == 0
    }

    // MARK: Compounds

    /// The head of a list, a map or an array.
    struct Compound {
        var count: Int
        /// The offset of the contents.
        var start: Int
        /// The offset where the contents must end.
        var end: Int
    }

    /// Reads the size and the count at an offset; the contents must not extend beyond `end`.
    @inline(__always)
    func compound(_ constructor: UInt8, _ offset: Int, _ end: Int) throws(CodecError) -> Compound {
        if constructor & 0x10 == 0 {
            guard end &- offset >= 2 else { try EncodingProblem.truncated.fail(offset) }
            let size = Int(byte(offset))
            guard size >= 1, size <= end &- offset &- 1 else {
                try EncodingProblem.size(size, left: end &- offset &- 1).fail(offset &+ 1)
            }
            return Compound(count: Int(byte(offset &+ 1)), start: offset &+ 2, end: offset &+ 1 &+ size)
        } else {
            guard end &- offset >= 8 else { try EncodingProblem.truncated.fail(offset) }
            let size = Int(load32(offset))
            guard size >= 4, size <= end &- offset &- 4 else {
                try EncodingProblem.size(size, left: end &- offset &- 4).fail(offset &+ 4)
            }
            return Compound(count: Int(load32(offset &+ 4)), start: offset &+ 8, end: offset &+ 4 &+ size)
        }
    }

    private mutating func skipList(
        _ constructor: UInt8, _ offset: Int, _ end: Int, _ depth: Int
    ) throws(CodecError) -> Int {
        try checkDepth(depth, offset)
        let list = try compound(constructor, offset, end)
        try checkCount(list, list.start)
        var next = list.start
        for _ in 0..<list.count { next = try skipValue(next, list.end, depth &+ 1) }
        try checkEnd(next, list)
        return next
    }

    private mutating func skipArray(
        _ constructor: UInt8, _ offset: Int, _ end: Int, _ depth: Int
    ) throws(CodecError) -> Int {
        try checkDepth(depth, offset)
        let array = try compound(constructor, offset, end)
        var next = array.start
        var depth = depth &+ 1
        guard next < array.end else { try EncodingProblem.truncated.fail(next) }
        while byte(next) == 0x00 {
            try checkDepth(depth, next)
            depth &+= 1
            next = try skipValue(next &+ 1, array.end, depth)
            guard next < array.end else { try EncodingProblem.truncated.fail(next) }
        }
        let element = byte(next)
        guard AMQPType(constructor: element) != nil else {
            try EncodingProblem.noConstructor(element).fail(next)
        }
        next &+= 1
        guard array.count <= remainingElements else { try EncodingProblem.tooManyElements.fail(offset) }
        remainingElements &-= array.count
        if element & 0xf0 != 0x40 {
            try checkCount(array, next)
            for _ in 0..<array.count { next = try skipPayload(of: element, next, array.end, depth) }
        }
        try checkEnd(next, array)
        return next
    }

    // MARK: Bytes

    /// The byte at an offset below ``count``.
    @inline(__always)
    func byte(_ offset: Int) -> UInt8 {
        assert(offset >= 0 && offset < count)
        return base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// The bytes of a range within 0 and ``count``.
    @inline(__always)
    func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        assert(range.lowerBound >= 0 && range.upperBound <= count)
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.upperBound &- range.lowerBound)
    }

    /// All bytes.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    @inline(__always)
    func load32(_ offset: Int) -> UInt32 {
        UInt32(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    // MARK: Checks

    @inline(__always)
    func checkDepth(_ depth: Int, _ offset: Int) throws(CodecError) {
        guard depth < maximumDepth else {
            try EncodingProblem.tooDeep(limit: maximumDepth).fail(offset &- 1)
        }
    }

    @inline(__always)
    func checkCount(_ compound: Compound, _ start: Int) throws(CodecError) {
        guard compound.count <= compound.end &- start else {
            try EncodingProblem.count(compound.count, bytes: compound.end &- compound.start).fail(compound.start)
        }
    }

    @inline(__always)
    func checkEnd(_ offset: Int, _ compound: Compound) throws(CodecError) {
        guard offset == compound.end else {
            try EncodingProblem.rest(compound.end &- offset, count: compound.count).fail(offset)
        }
    }
}

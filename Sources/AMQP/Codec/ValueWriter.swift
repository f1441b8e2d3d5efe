// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Writes values in their shortest encoding into scratch memory, and into memory of its own when that is full.
///
/// A value that cannot be encoded does not stop the writer: it keeps the first problem in ``error``, and the caller that takes
/// the bytes throws it.
struct ValueWriter: ~Copyable {
    private var start: UnsafeMutableRawPointer
    private var capacity: Int
    private var ownsMemory: Bool

    /// The number of bytes written.
    private(set) var count = 0

    /// The first problem found.
    private(set) var error: CodecError?

    /// A writer into memory that must outlive it; when that is full, the writer allocates its own.
    init(scratch: UnsafeMutableRawBufferPointer) {
        // A buffer without an address has no room.
        start = scratch.baseAddress ?? .allocate(byteCount: 0, alignment: 1)
        capacity = scratch.count
        ownsMemory = scratch.baseAddress == nil
    }

    deinit { if ownsMemory { start.deallocate() } }

    /// The bytes written; valid until the next write.
    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: start, count: count) }

    /// Whether the scratch memory was too small.
    var hasOutgrownScratch: Bool { ownsMemory }

    @inline(never)
    mutating func fail(_ message: String, _ code: CodecError.Code = .limitExceeded) {
        if error == nil { error = CodecError(code, at: count, message) }
    }

    // MARK: Values

    mutating func write(_ value: borrowing AMQPValue, depth: Int = 0) {
        switch value {
        case .null: write(byte: 0x40)
        case .boolean(let value): write(value)
        case .ubyte(let value): write(0x50, value)
        case .ushort(let value): write(0x60, value)
        case .uint(let value): write(value)
        case .ulong(let value): write(value)
        case .byte(let value): write(0x51, value)
        case .short(let value): write(0x61, value)
        case .int(let value):
            if let small = Int8(exactly: value) { write(0x54, small) } else { write(0x71, value) }
        case .long(let value): write(value)
        case .float(let value): write(0x72, value.bitPattern)
        case .double(let value): write(0x82, value.bitPattern)
        case .decimal32(let value): write(0x74, value.bits)
        case .decimal64(let value): write(0x84, value.bits)
        case .decimal128(let value):
            write(0x94, value.high)
            append(value.low)
        case .char(let value): write(0x73, value.value)
        case .timestamp(let value): write(value)
        case .uuid(let value): write(value)
        case .binary(let value): write(value)
        case .string(let value): write(value)
        case .symbol(let value): write(value)
        case .list(let elements): write(elements, depth: depth)
        case .map(let map): write(map, depth: depth)
        case .array(let array): write(array, depth: depth)
        case .described(let value):
            guard isWithinDepth(depth) else { return }
            write(byte: 0x00)
            write(value.descriptor, depth: depth + 1)
            write(value.value, depth: depth + 1)
        }
    }

    mutating func writeNull() { write(byte: 0x40) }

    /// Writes up to sixteen nulls.
    @inline(__always)
    mutating func writeNulls(_ number: Int) {
        reserve(16)
        // Writes all sixteen bytes; the next value overwrites those that do not count.
        (start + count).storeBytes(of: SIMD16(repeating: 0x40), as: SIMD16<UInt8>.self)
        count &+= number
    }

    mutating func write(_ value: Bool) { write(byte: value ? 0x41 : 0x42) }

    mutating func write(_ value: UInt8) { write(0x50, value) }

    mutating func write(_ value: UInt32) {
        switch value {
        case 0: write(byte: 0x43)
        case 1...255: write(0x52, UInt8(truncatingIfNeeded: value))
        default: write(0x70, value)
        }
    }

    mutating func write(_ value: UInt64) {
        switch value {
        case 0: write(byte: 0x44)
        case 1...255: write(0x53, UInt8(truncatingIfNeeded: value))
        default: write(0x80, value)
        }
    }

    mutating func write(_ value: Int64) {
        if let small = Int8(exactly: value) { write(0x55, small) } else { write(0x81, value) }
    }

    mutating func write(_ value: Timestamp) { write(0x83, value.milliseconds) }

    mutating func write(_ value: AMQPUUID) {
        write(0x98, value.high)
        append(value.low)
    }

    mutating func write(_ value: [UInt8]) {
        value.withUnsafeBytes { write(0xa0, contents: $0) }
    }

    mutating func write(_ value: String) { write(0xa1, text: value) }

    mutating func write(_ value: Symbol) { write(0xa3, text: value.name) }

    mutating func write(_ id: MessageID) {
        switch id {
        case .ulong(let value): write(value)
        case .uuid(let value): write(value)
        case .binary(let value): write(value)
        case .string(let value): write(value)
        }
    }

    mutating func write(_ elements: [AMQPValue], depth: Int = 0) {
        if elements.isEmpty { return write(byte: 0x45) }
        guard isWithinDepth(depth) else { return }
        let list = beginCompound(0xc0, count: elements.count)
        for element in elements { write(element, depth: depth + 1) }
        endCompound(list, count: elements.count)
    }

    // MARK: Maps

    mutating func write(_ map: AMQPMap, depth: Int = 0) {
        guard isWithinDepth(depth) else { return }
        let start = beginCompound(0xc1, count: map.count * 2)
        for (key, value) in map {
            write(key, depth: depth + 1)
            write(value, depth: depth + 1)
        }
        endCompound(start, count: map.count * 2)
    }

    /// Writes a section of application properties, whose values must have simple types.
    mutating func writeSection(_ code: UInt8, _ pairs: [(String, AMQPValue)]) {
        let start = beginDescribed(code, 0xc1, count: pairs.count * 2)
        ApplicationProperties.Pair.withPairs(of: pairs) { pairs in
            guard let first = pairs.baseAddress else { return }
            for index in 0..<pairs.count { write(at: first + index) }
        }
        endCompound(start, count: pairs.count * 2)
    }

    /// Writes a pair of application properties in place: if its parts were passed as values, they would be copied.
    @inline(__always)
    private mutating func write(at pair: UnsafePointer<ApplicationProperties.Pair>) {
        write(pair.pointee.key)
        switch pair.pointee.value {
        case .string(let text): write(text)
        case .long(let number): write(number)
        case .list, .map, .array: fail(EncodingProblem.compoundProperty.message, .malformed)
        case let value:
            if value.isCompound { fail(EncodingProblem.compoundProperty.message, .malformed) }
            write(value, depth: 1)
        }
    }

    /// Writes a section of annotations.
    mutating func writeSection(_ code: UInt8, _ pairs: [(AnnotationKey, AMQPValue)]) {
        let start = beginDescribed(code, 0xc1, count: pairs.count * 2)
        Annotations.Pair.withPairs(of: pairs) { pairs in
            for index in pairs.indices {
                switch pairs[index].key {
                case .symbol(let key): write(key)
                case .ulong(let key): write(key)
                }
                write(pairs[index].value, depth: 1)
            }
        }
        endCompound(start, count: pairs.count * 2)
    }

    // MARK: Compounds

    /// Writes the head of a list, map or array in its short form, and returns the place where it begins.
    ///
    /// `endCompound` sets size and count, and converts the head to the long form if necessary. The count given here is an
    /// estimate that avoids this conversion.
    mutating func beginCompound(_ constructor: UInt8, count: Int) -> Int {
        let place = self.count
        if count <= 255 {
            reserve(3)
            start.storeBytes(of: constructor, toByteOffset: place, as: UInt8.self)
            self.count = place &+ 3
        } else {
            reserve(9)
            start.storeBytes(of: constructor | 0x10, toByteOffset: place, as: UInt8.self)
            self.count = place &+ 9
        }
        return place
    }

    /// Writes a descriptor that is a small number, and then a head as ``beginCompound(_:count:)`` does.
    @inline(__always)
    mutating func beginDescribed(_ code: UInt8, _ constructor: UInt8, count: Int) -> Int {
        reserve(12)
        let isShort = count <= 255
        let head = 0x0053_0000 | UInt32(code) &<< 8 | UInt32(isShort ? constructor : constructor | 0x10)
        start.storeBytes(of: head.bigEndian, toByteOffset: self.count, as: UInt32.self)
        let place = self.count &+ 3
        self.count = place &+ (isShort ? 3 : 9)
        return place
    }

    /// Completes the head that begins at a place.
    @inline(__always)
    mutating func endCompound(_ place: Int, count: Int) {
        let isShort = start.load(fromByteOffset: place, as: UInt8.self) & 0x10 == 0
        let size = self.count &- place &- 2
        if isShort && size <= 255 {
            start.storeBytes(of: UInt8(truncatingIfNeeded: size), toByteOffset: place &+ 1, as: UInt8.self)
            start.storeBytes(of: UInt8(truncatingIfNeeded: count), toByteOffset: place &+ 2, as: UInt8.self)
        } else {
            endLarge(place, count: count)
        }
    }

    @inline(never)
    private mutating func endLarge(_ place: Int, count: Int) {
        if start.load(fromByteOffset: place, as: UInt8.self) & 0x10 == 0 { lengthenHead(place) }
        setLongHead(place, count: count)
    }

    /// The size in bytes of the head that begins at a place.
    func headSize(at place: Int) -> Int { start.load(fromByteOffset: place, as: UInt8.self) & 0x10 == 0 ? 3 : 9 }

    /// Removes the bytes that were written from a place on.
    mutating func truncate(to place: Int) { count = place }

    /// Sets the size and count of a head in its long form.
    mutating func setLongHead(_ place: Int, count: Int) {
        let size = self.count - place - 5
        guard size <= UInt32.max, count <= UInt32.max else { return fail("A list, map or array is larger than 4 GiB") }
        start.storeBytes(of: UInt32(size).bigEndian, toByteOffset: place + 1, as: UInt32.self)
        start.storeBytes(of: UInt32(count).bigEndian, toByteOffset: place + 5, as: UInt32.self)
    }

    private mutating func lengthenHead(_ place: Int) {
        reserve(6)
        let contents = start + place + 3
        (contents + 6).copyMemory(from: contents, byteCount: count - place - 3)
        let constructor = start.load(fromByteOffset: place, as: UInt8.self)
        start.storeBytes(of: constructor | 0x10, toByteOffset: place, as: UInt8.self)
        count += 6
    }

    mutating func isWithinDepth(_ depth: Int) -> Bool {
        if depth < DecodingLimits.maximumDepth { return true }
        fail("A value is nested deeper than \(DecodingLimits.maximumDepth) levels")
        return false
    }

    // MARK: Parts

    mutating func write(byte: UInt8) {
        reserve(1)
        start.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count &+= 1
    }

    /// Writes a constructor and a number of fixed width.
    @inline(__always)
    mutating func write<T: FixedWidthInteger & BitwiseCopyable>(_ constructor: UInt8, _ value: T) {
        reserve(9)
        start.storeBytes(of: constructor, toByteOffset: count, as: UInt8.self)
        start.storeBytes(of: value.bigEndian, toByteOffset: count &+ 1, as: T.self)
        count &+= 1 &+ MemoryLayout<T>.size
    }

    /// Writes a number of fixed width.
    @inline(__always)
    mutating func append<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        reserve(8)
        start.storeBytes(of: value.bigEndian, toByteOffset: count, as: T.self)
        count &+= MemoryLayout<T>.size
    }

    @inline(__always)
    private mutating func write(_ constructor: UInt8, text: String) {
        guard let small = SmallText(text), capacity &- count >= 18 else { return write(constructor, large: text) }
        let place = start + count
        place.storeBytes(of: constructor, as: UInt8.self)
        place.storeBytes(of: UInt8(truncatingIfNeeded: small.count), toByteOffset: 1, as: UInt8.self)
        // Writes all sixteen bytes; the next value overwrites those that do not count.
        place.storeBytes(of: small.bits, toByteOffset: 2, as: SIMD2<UInt64>.self)
        count &+= 2 &+ small.count
    }

    @inline(never)
    private mutating func write(_ constructor: UInt8, large text: String) {
        withContiguousUTF8(of: text) { write(constructor, contents: $0) }
    }

    /// Writes a binary, string or symbol; the constructor is that of the short form.
    mutating func write(_ constructor: UInt8, contents: UnsafeRawBufferPointer) {
        guard contents.count <= 255 else {
            writeHead(constructor | 0x10, ofLarge: contents.count)
            return append(contents)
        }
        reserve(2 &+ contents.count)
        let place = start + count
        place.storeBytes(of: constructor, as: UInt8.self)
        place.storeBytes(of: UInt8(truncatingIfNeeded: contents.count), toByteOffset: 1, as: UInt8.self)
        if let source = contents.baseAddress {
            (place + 2).copyMemory(from: source, byteCount: contents.count)
        }
        count &+= 2 &+ contents.count
    }

    /// Writes the head of a binary of more than 255 bytes, whose contents are stored elsewhere.
    mutating func writeHead(_ constructor: UInt8, ofLarge size: Int) {
        guard size <= UInt32.max else { return fail("A binary, string or symbol is larger than 4 GiB") }
        write(constructor, UInt32(truncatingIfNeeded: size))
    }

    /// Appends bytes unchanged.
    mutating func append(_ contents: UnsafeRawBufferPointer) {
        guard let source = contents.baseAddress else { return }
        reserve(contents.count)
        (start + count).copyMemory(from: source, byteCount: contents.count)
        count &+= contents.count
    }

    /// Writes three bytes.
    @inline(__always)
    mutating func write(_ first: UInt8, _ second: UInt8, _ third: UInt8) {
        reserve(3)
        start.storeBytes(of: first, toByteOffset: count, as: UInt8.self)
        start.storeBytes(of: second, toByteOffset: count &+ 1, as: UInt8.self)
        start.storeBytes(of: third, toByteOffset: count &+ 2, as: UInt8.self)
        count &+= 3
    }

    /// Makes room for more bytes.
    @inline(__always)
    private mutating func reserve(_ size: Int) {
        if capacity &- count < size { grow(by: size) }
    }

    /// Moves the bytes written to newly allocated memory with more room.
    @inline(never)
    private mutating func grow(by size: Int) {
        let size = max(capacity * 2, count + size)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 1)
        moved.copyMemory(from: start, byteCount: count)
        if ownsMemory { start.deallocate() }
        start = moved
        ownsMemory = true
        capacity = size
    }
}

/// Calls a closure with the UTF-8 of a text, in place if possible.
@inline(__always)
func withContiguousUTF8<T>(of text: String, _ body: (UnsafeRawBufferPointer) -> T) -> T {
    if let result = text.utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) { return result }
    return withCopiedUTF8(of: text, body)
}

@inline(never)
private func withCopiedUTF8<T>(of text: String, _ body: (UnsafeRawBufferPointer) -> T) -> T {
    Array(text.utf8).withUnsafeBytes(body)
}

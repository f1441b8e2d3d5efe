// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Builds values from bytes that a ``Validator`` has accepted.
///
/// It repeats no checks and cannot fail, so that the fields of a received message can be plain properties. Debug builds assert
/// that every read is inside the bytes.
struct ValueReader {
    private let base: UnsafeRawPointer
    private let byteCount: Int

    /// The offset of the next value.
    private(set) var offset: Int

    /// A reader from an offset in bytes, which must not be empty.
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        // Bytes that contain a validated value have an address.
        base = bytes.baseAddress.unsafelyUnwrapped
        byteCount = bytes.count
        self.offset = offset
    }

    // MARK: Values

    mutating func value() -> AMQPValue {
        let constructor = byte()
        // Most are short strings.
        return constructor == 0xa1 ? .string(text(constructor)) : payload(of: constructor)
    }

    private mutating func payload(of constructor: UInt8) -> AMQPValue {
        switch constructor {
        case 0x40: .null
        case 0x41: .boolean(true)
        case 0x42: .boolean(false)
        case 0x43: .uint(0)
        case 0x44: .ulong(0)
        case 0x45: .list([])
        case 0x50: .ubyte(byte())
        case 0x51: .byte(Int8(bitPattern: byte()))
        case 0x52: .uint(UInt32(byte()))
        case 0x53: .ulong(UInt64(byte()))
        case 0x54: .int(Int32(Int8(bitPattern: byte())))
        case 0x55: .long(Int64(Int8(bitPattern: byte())))
        case 0x56: .boolean(byte() != 0)
        case 0x60: .ushort(load(UInt16.self))
        case 0x61: .short(load(Int16.self))
        case 0x70: .uint(load(UInt32.self))
        case 0x71: .int(load(Int32.self))
        case 0x72: .float(Float(bitPattern: load(UInt32.self)))
        case 0x73: .char(Unicode.Scalar(load(UInt32.self)) ?? "\u{FFFD}")
        case 0x74: .decimal32(Decimal32(bits: load(UInt32.self)))
        case 0x80: .ulong(load(UInt64.self))
        case 0x81: .long(load(Int64.self))
        case 0x82: .double(Double(bitPattern: load(UInt64.self)))
        case 0x83: .timestamp(Timestamp(milliseconds: load(Int64.self)))
        case 0x84: .decimal64(Decimal64(bits: load(UInt64.self)))
        case 0x94: .decimal128(Decimal128(high: load(UInt64.self), low: load(UInt64.self)))
        case 0x98: .uuid(AMQPUUID(high: load(UInt64.self), low: load(UInt64.self)))
        case 0xa0, 0xb0: .binary(binary(constructor))
        case 0xa1, 0xb1: .string(text(constructor))
        case 0xa3, 0xb3: .symbol(Symbol(ascii: contents(constructor)))
        case 0xc0, 0xd0: .list(list(constructor))
        case 0xc1, 0xd1: .map(map(constructor))
        case 0xe0, 0xf0: .array(array(constructor))
        case 0x00: .described(Described(descriptor: value(), value: value()))
        default: .null
        }
    }

    /// Reads the next value, which is a list.
    mutating func list() -> [AMQPValue] { list(byte()) }

    private mutating func list(_ constructor: UInt8) -> [AMQPValue] {
        if constructor == 0x45 { return [] }
        let count = compoundCount(constructor)
        var elements: [AMQPValue] = []
        elements.reserveCapacity(count)
        for _ in 0..<count { elements.append(value()) }
        return elements
    }

    private mutating func array(_ constructor: UInt8) -> AMQPArray {
        let count = compoundCount(constructor)
        var descriptors: [AMQPValue] = []
        var element = byte()
        while element == 0x00 {
            descriptors.append(value())
            element = byte()
        }
        var elements: [AMQPValue] = []
        elements.reserveCapacity(count)
        for _ in 0..<count { elements.append(payload(of: element)) }
        return AMQPArray(unchecked: AMQPType(constructor: element) ?? .null, descriptors, elements)
    }

    // MARK: Maps

    /// Reads the next value, which is a map.
    mutating func map() -> AMQPMap { map(byte()) }

    private mutating func map(_ constructor: UInt8) -> AMQPMap {
        let count = compoundCount(constructor) / 2
        var pairs: [(AMQPValue, AMQPValue)] = []
        pairs.reserveCapacity(count)
        for _ in 0..<count { pairs.append((value(), value())) }
        return AMQPMap(distinct: pairs)
    }

    // MARK: Typed values, whose constructor comes next

    mutating func string() -> String { text(byte()) }

    mutating func symbol() -> Symbol { Symbol(ascii: contents(byte())) }

    mutating func binary() -> [UInt8] { binary(byte()) }

    mutating func unsigned() -> UInt64 {
        switch byte() {
        case 0x43, 0x44: 0
        case 0x50, 0x52, 0x53: UInt64(byte())
        case 0x60: UInt64(load(UInt16.self))
        case 0x70: UInt64(load(UInt32.self))
        case 0x80: load(UInt64.self)
        default: 0
        }
    }

    /// Reads a number of any integer type; nil if it does not fit or the value has another type.
    mutating func integer() -> Int? {
        switch byte() {
        case 0x43, 0x44: 0
        case 0x50, 0x52, 0x53: Int(byte())
        case 0x51, 0x54, 0x55: Int(Int8(bitPattern: byte()))
        case 0x60: Int(load(UInt16.self))
        case 0x61: Int(load(Int16.self))
        case 0x70: Int(exactly: load(UInt32.self))
        case 0x71: Int(load(Int32.self))
        case 0x80: Int(exactly: load(UInt64.self))
        case 0x81: Int(exactly: load(Int64.self))
        default: nil
        }
    }

    mutating func boolean() -> Bool {
        let constructor = byte()
        return constructor == 0x41 || constructor == 0x56 && byte() != 0
    }

    mutating func messageID() -> MessageID? {
        let constructor = byte()
        return switch constructor {
        case 0x44: .ulong(0)
        case 0x53: .ulong(UInt64(byte()))
        case 0x80: .ulong(load(UInt64.self))
        case 0x98: .uuid(AMQPUUID(high: load(UInt64.self), low: load(UInt64.self)))
        case 0xa0, 0xb0: .binary(binary(constructor))
        case 0xa1, 0xb1: .string(text(constructor))
        default: nil
        }
    }

    mutating func timestamp() -> Timestamp {
        offset &+= 1
        return Timestamp(milliseconds: load(Int64.self))
    }

    /// Reads the head of the next value, which is a list or a map, and returns its count.
    mutating func count() -> Int {
        let constructor = byte()
        return constructor == 0x45 ? 0 : compoundCount(constructor)
    }

    /// Skips the next value if it is a null, and returns whether it was.
    mutating func skipNull() -> Bool {
        guard peek(0) == 0x40 else { return false }
        offset &+= 1
        return true
    }

    /// Skips the descriptor that comes next.
    @inline(__always)
    mutating func skipDescriptor() {
        if peek(1) == 0x53 {
            offset &+= 3
        } else {
            offset &+= 1
            skipValue()
        }
    }

    /// Skips the next value if it is a string or a symbol with the given text; the constructor of the short form selects the
    /// type.
    /// - Returns: whether the value was skipped.
    @inline(__always)
    mutating func skipText(_ constructor: UInt8, _ text: UnsafeRawBufferPointer) -> Bool {
        let found = peek(0)
        guard found | 0x10 == constructor | 0x10 else { return false }
        var copy = self
        copy.offset &+= 1
        guard copy.contents(found).hasSameBytes(as: text) else { return false }
        self = copy
        return true
    }

    /// Skips the next value if it is a `ulong` with the given number.
    /// - Returns: whether the value was skipped.
    mutating func skipULong(_ number: UInt64) -> Bool {
        let constructor = peek(0)
        guard constructor == 0x44 || constructor == 0x53 || constructor == 0x80 else { return false }
        var copy = self
        guard copy.unsigned() == number else { return false }
        self = copy
        return true
    }

    /// Skips the next value.
    mutating func skipValue() {
        let constructor = byte()
        if constructor >= 0xa0 {
            // The size follows the constructor, in one byte or in four.
            offset &+= constructor & 0x10 == 0 ? 1 &+ Int(peek(0)) : Int(load(UInt32.self))
        } else if constructor >= 0x40 {
            // None for 0x4_, one for 0x5_, two for 0x6_, and so on.
            offset &+= (1 &<< (Int(constructor &>> 4) &- 4)) &>> 1
        } else {
            skipValue()
            skipValue()
        }
    }

    // MARK: Parts

    @inline(__always)
    private mutating func byte() -> UInt8 {
        let value = peek(0)
        offset &+= 1
        return value
    }

    /// The byte at a distance from the offset.
    @inline(__always)
    private func peek(_ distance: Int) -> UInt8 {
        assert(offset &+ distance < byteCount)
        return base.load(fromByteOffset: offset &+ distance, as: UInt8.self)
    }

    @inline(__always)
    private mutating func load<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> T {
        assert(MemoryLayout<T>.size <= byteCount - offset)
        let value = base.loadUnaligned(fromByteOffset: offset, as: type)
        offset &+= MemoryLayout<T>.size
        return T(bigEndian: value)
    }

    private mutating func compoundCount(_ constructor: UInt8) -> Int {
        if constructor & 0x10 == 0 {
            offset &+= 1
            return Int(byte())
        }
        offset &+= 4
        return Int(load(UInt32.self))
    }

    @inline(__always)
    private mutating func contents(_ constructor: UInt8) -> UnsafeRawBufferPointer {
        let size = constructor < 0xb0 ? Int(byte()) : Int(load(UInt32.self))
        assert(size <= byteCount - offset)
        let contents = UnsafeRawBufferPointer(start: base + offset, count: size)
        offset &+= size
        return contents
    }

    /// The bytes of a `binary`, in place; nil for a value of another type.
    mutating func binaryContents() -> UnsafeRawBufferPointer? {
        let constructor = byte()
        return constructor == 0xa0 || constructor == 0xb0 ? contents(constructor) : nil
    }

    /// The UTF-8 of a `string` or a `symbol`, in place; nil for a value of another type.
    @inline(__always)
    mutating func textContents() -> UnsafeRawBufferPointer? {
        let constructor = byte()
        // 0xa1 and 0xa3 differ in one bit, and the long forms differ from the short ones in one bit.
        return constructor & 0xed == 0xa1 ? contents(constructor) : nil
    }

    /// The bytes from the next value on.
    var rest: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base + offset, count: byteCount &- offset) }

    private mutating func binary(_ constructor: UInt8) -> [UInt8] { [UInt8](contents(constructor)) }

    private mutating func text(_ constructor: UInt8) -> String {
        let contents = contents(constructor)
        return SmallText(contents)?.string ?? String(decoding: contents, as: UTF8.self)
    }
}

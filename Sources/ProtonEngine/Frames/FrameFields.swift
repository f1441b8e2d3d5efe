// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Reads encoded values of AMQP 1.0, 1.6, as far as needed to find the fields of a frame: their bounds, and small numbers.
///
/// A value beyond the end, or of another type, reads as absent; proton reports the error in the frame.
enum Encoded {
    /// The size in bytes of the value that begins at `offset`, with its constructor; nil if it does not fit, or if the
    /// constructor is not one of AMQP's.
    @inline(__always)
    static func size(_ base: UnsafeRawPointer, _ offset: Int, _ limit: Int) -> Int? {
        guard offset < limit else { return nil }
        let code = base.load(fromByteOffset: offset, as: UInt8.self)
        let size: Int
        switch code >> 4 {
        case 0x4: size = 1
        case 0x5: size = 2
        case 0x7: size = 5
        case 0xa, 0xc, 0xe:
            guard offset + 1 < limit else { return nil }
            size = 2 + Int(base.load(fromByteOffset: offset + 1, as: UInt8.self))
        default: return rareSize(code, base, offset, limit)
        }
        return offset + size <= limit ? size : nil
    }

    private static func rareSize(
        _ code: UInt8, _ base: UnsafeRawPointer, _ offset: Int, _ limit: Int, depth: Int = 0
    ) -> Int? {
        let size: Int
        switch code >> 4 {
        case 0x0:
            // A descriptor is never described itself. The limit of the depth keeps a peer from overflowing the stack.
            guard code == 0, depth < 4,
                let descriptor = nestedSize(base, offset + 1, limit, depth),
                let value = nestedSize(base, offset + 1 + descriptor, limit, depth)
            else { return nil }
            size = 1 + descriptor + value
        case 0x4: size = 1
        case 0x5: size = 2
        case 0x6: size = 3
        case 0x7: size = 5
        case 0x8: size = 9
        case 0x9: size = 17
        case 0xa, 0xc, 0xe:
            guard offset + 1 < limit else { return nil }
            size = 2 + Int(base.load(fromByteOffset: offset + 1, as: UInt8.self))
        case 0xb, 0xd, 0xf:
            guard offset + 5 <= limit else { return nil }
            size = 5 + Int(word(base, offset + 1))
        default: return nil
        }
        return offset + size <= limit ? size : nil
    }

    private static func nestedSize(_ base: UnsafeRawPointer, _ offset: Int, _ limit: Int, _ depth: Int) -> Int? {
        guard offset < limit else { return nil }
        return rareSize(base.load(fromByteOffset: offset, as: UInt8.self), base, offset, limit, depth: depth + 1)
    }

    /// The four bytes at an offset, in network byte order; the caller has checked the bounds.
    @inline(__always)
    static func word(_ base: UnsafeRawPointer, _ offset: Int) -> UInt32 {
        UInt32(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// The two bytes at an offset, in network byte order; the caller has checked the bounds.
    @inline(__always)
    static func half(_ base: UnsafeRawPointer, _ offset: Int) -> UInt16 {
        UInt16(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
}

/// Reads the fields of a performative in order (AMQP 1.0, 1.4: composite types).
struct FrameFields {
    let base: UnsafeRawPointer
    private let limit: Int
    /// The offset of the next field, from the start of the frame.
    private(set) var offset: Int
    /// The number of fields left.
    private(set) var remaining: Int
    /// The offset of the list's constructor.
    let list: Int
    /// The offset of the list's end, also if the list is not complete here.
    let end: Int
    let isShort: Bool
    let count: Int

    /// - Parameters:
    ///   - list: the offset of the list's constructor.
    ///   - limit: the end of the bytes, which are the frame or its first part.
    @inline(__always)
    init?(_ base: UnsafeRawPointer, list: Int, limit: Int) {
        guard list < limit else { return nil }
        let size: Int
        switch base.load(fromByteOffset: list, as: UInt8.self) {
        case 0xc0:
            guard list + 3 <= limit else { return nil }
            size = 2 + Int(base.load(fromByteOffset: list + 1, as: UInt8.self))
            count = Int(base.load(fromByteOffset: list + 2, as: UInt8.self))
            offset = list + 3
            isShort = true
        case 0xd0:
            guard list + 9 <= limit else { return nil }
            size = 5 + Int(Encoded.word(base, list + 1))
            count = Int(Encoded.word(base, list + 5))
            offset = list + 9
            isShort = false
        case 0x45:
            (size, count, offset, isShort) = (1, 0, list + 1, true)
        default: return nil
        }
        self.base = base
        self.list = list
        end = list + size
        self.limit = min(limit, end)
        remaining = count
    }

    /// The constructor of the next field; nil if there is none.
    @inline(__always)
    var constructor: UInt8? {
        remaining > 0 && offset < limit ? base.load(fromByteOffset: offset, as: UInt8.self) : nil
    }

    /// Skips the next field.
    @inline(__always)
    mutating func skip() {
        guard remaining > 0, let size = Encoded.size(base, offset, limit) else { return stop() }
        offset += size
        remaining -= 1
    }

    /// Skips several fields.
    @inline(__always)
    mutating func skip(_ count: Int) {
        for _ in 0..<count { skip() }
    }

    /// Reads the next field if it is a uint.
    @inline(__always)
    mutating func uint() -> UInt32? {
        let start = offset
        skip()
        switch offset - start {
        case 1: return base.load(fromByteOffset: start, as: UInt8.self) == 0x43 ? 0 : nil
        case 2:
            guard base.load(fromByteOffset: start, as: UInt8.self) == 0x52 else { return nil }
            return UInt32(base.load(fromByteOffset: start + 1, as: UInt8.self))
        case 5:
            guard base.load(fromByteOffset: start, as: UInt8.self) == 0x70 else { return nil }
            return Encoded.word(base, start + 1)
        default: return nil
        }
    }

    /// Reads the next field if it is a ushort.
    mutating func ushort() -> UInt16? {
        let start = offset
        skip()
        guard offset - start == 3, base.load(fromByteOffset: start, as: UInt8.self) == 0x60 else { return nil }
        return Encoded.half(base, start + 1)
    }

    /// Reads the next field, and returns whether it is the boolean true.
    @inline(__always)
    mutating func isTrue() -> Bool {
        let start = offset
        skip()
        switch offset - start {
        case 1: return base.load(fromByteOffset: start, as: UInt8.self) == 0x41
        case 2:
            return base.load(fromByteOffset: start, as: UInt8.self) == 0x56
                && base.load(fromByteOffset: start + 1, as: UInt8.self) != 0
        default: return false
        }
    }

    /// Reads the bytes of the next field if it is a string, a symbol or a binary.
    mutating func variable() -> UnsafeRawBufferPointer? {
        let start = offset
        skip()
        guard offset > start else { return nil }
        switch base.load(fromByteOffset: start, as: UInt8.self) {
        case 0xa0...0xaf: return UnsafeRawBufferPointer(start: base + start + 2, count: offset - start - 2)
        case 0xb0...0xbf: return UnsafeRawBufferPointer(start: base + start + 5, count: offset - start - 5)
        default: return nil
        }
    }

    /// Reads the range of the next field, if there is one that is not null.
    mutating func place() -> Range<Int>? {
        let start = offset
        skip()
        guard offset > start, base.load(fromByteOffset: start, as: UInt8.self) != 0x40 else { return nil }
        return start..<offset
    }

    private mutating func stop() { remaining = 0 }
}

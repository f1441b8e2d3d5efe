// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A disposition in the usual form, which is read without parsing each field; most dispositions for this side's messages are.
///
/// A disposition whose state has fields, or that is encoded in a less usual way, is not plain: the scanner then parses the
/// fields.
struct PlainDisposition {
    let isReceiver: Bool
    let first: UInt32
    let last: UInt32
    let isSettled: Bool

    /// - Parameters:
    ///   - base: the performative.
    ///   - limit: the number of bytes from there to the end of the frame.
    @inline(__always)
    init?(_ base: UnsafeRawPointer, limit: Int) {
        // The descriptor, and a short list of at least the role, the first delivery and two more fields.
        guard limit >= 10, Encoded.word(base, 0) == 0x0053_15c0 else { return nil }
        let end = 5 + Int(PlainDisposition.byte(base, 4))
        let count = PlainDisposition.byte(base, 5)
        guard end <= limit, count >= 4, count <= 6 else { return nil }
        let role = PlainDisposition.byte(base, 6)
        guard role == 0x41 || role == 0x42 else { return nil }
        isReceiver = role == 0x41
        var offset = 7
        guard let first = PlainDisposition.uint(base, &offset, end) else { return nil }
        self.first = first
        guard offset < end else { return nil }
        if PlainDisposition.byte(base, offset) == 0x40 {
            last = first
            offset += 1
        } else {
            guard let last = PlainDisposition.uint(base, &offset, end) else { return nil }
            self.last = last
        }
        guard offset < end, PlainDisposition.byte(base, offset) &- 0x40 < 3 else { return nil }
        isSettled = PlainDisposition.byte(base, offset) == 0x41
        offset += 1
        if count > 4 {
            guard offset < end else { return nil }
            if PlainDisposition.byte(base, offset) == 0x40 {
                offset += 1
            } else {
                // A state with a numeric descriptor, and an empty list in either form.
                guard offset + 4 <= end, Encoded.half(base, offset) == 0x0053 else { return nil }
                switch PlainDisposition.byte(base, offset + 3) {
                case 0x45: offset += 4
                case 0xc0:
                    guard offset + 6 <= end, Encoded.half(base, offset + 4) == 0x0100 else { return nil }
                    offset += 6
                default: return nil
                }
            }
        }
        if count > 5 {
            guard offset < end, PlainDisposition.byte(base, offset) &- 0x40 < 3 else { return nil }
            offset += 1
        }
        guard offset == end else { return nil }
    }

    @inline(__always)
    private static func byte(_ base: UnsafeRawPointer, _ offset: Int) -> UInt8 {
        base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// Reads a uint.
    @inline(__always)
    private static func uint(_ base: UnsafeRawPointer, _ offset: inout Int, _ end: Int) -> UInt32? {
        guard offset < end else { return nil }
        switch byte(base, offset) {
        case 0x43:
            offset += 1
            return 0
        case 0x52 where offset + 2 <= end:
            offset += 2
            return UInt32(byte(base, offset - 1))
        case 0x70 where offset + 5 <= end:
            offset += 5
            return Encoded.word(base, offset - 4)
        default: return nil
        }
    }
}

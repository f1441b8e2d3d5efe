// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A transfer in the usual form, which is read without parsing each field; nearly every frame on a busy connection is one.
///
/// A transfer that is encoded in a less usual way, or is too short to be read without bounds checks, is not plain: the scanner
/// then parses the fields. If `needsReading` is false, the fields fill their list exactly.
struct PlainTransfer {
    let handle: UInt32
    /// The delivery-id, if the transfer has one.
    let deliveryID: UInt32
    let hasDeliveryID: Bool
    /// Whether it is the last transfer of its message.
    let isComplete: Bool
    /// Whether it has a state, or a message format other than 0: such a transfer may have to be changed.
    let needsReading: Bool
    /// The size of the performative, in bytes.
    let size: Int

    /// The number of bytes that must be available from the performative on: more than the fields that are read can take.
    static let room = 80

    /// - Parameter base: the performative, with `room` bytes available.
    @inline(__always)
    init?(_ base: UnsafeRawPointer) {
        // The descriptor, and a list in the short or long form.
        guard Encoded.word(base, 0) & 0xffff_ffef == 0x0053_14c0 else { return nil }
        let count: UInt32
        var offset: Int
        if PlainTransfer.byte(base, 3) == 0xc0 {
            size = 5 + Int(PlainTransfer.byte(base, 4))
            count = UInt32(PlainTransfer.byte(base, 5))
            offset = 6
        } else {
            size = 8 + Int(Encoded.word(base, 4))
            count = Encoded.word(base, 8)
            offset = 12
        }
        guard count > 3, count < 12 else { return nil }
        guard let handle = PlainTransfer.uint(base, &offset) else { return nil }
        self.handle = handle
        if PlainTransfer.byte(base, offset) == 0x40 {
            (deliveryID, hasDeliveryID) = (0, false)
            offset += 1
        } else {
            guard let id = PlainTransfer.uint(base, &offset) else { return nil }
            (deliveryID, hasDeliveryID) = (id, true)
        }
        switch PlainTransfer.byte(base, offset) {
        case 0xa0:
            let size = Int(PlainTransfer.byte(base, offset + 1))
            guard size <= FrameSession.maxTagSize else { return nil }
            offset += 2 + size
        case 0x40: offset += 1
        default: return nil
        }
        var hasFormat = false
        if PlainTransfer.byte(base, offset) == 0x40 {
            offset += 1
        } else {
            guard let format = PlainTransfer.uint(base, &offset) else { return nil }
            hasFormat = format != 0
        }
        guard count > 4 else {
            guard offset == size else { return nil }
            (isComplete, needsReading) = (true, hasFormat)
            return
        }
        // The fields `settled` and `more`: true, false and null take one byte each.
        guard PlainTransfer.isFlag(base, offset) else { return nil }
        offset += 1
        guard count > 5 else {
            guard offset == size else { return nil }
            (isComplete, needsReading) = (true, hasFormat)
            return
        }
        guard PlainTransfer.isFlag(base, offset) else { return nil }
        isComplete = PlainTransfer.byte(base, offset) != 0x41
        offset += 1
        guard count > 6 else {
            guard offset == size else { return nil }
            needsReading = hasFormat
            return
        }
        switch PlainTransfer.byte(base, offset) {
        case 0x40: offset += 1
        case 0x50: offset += 2
        default: return nil
        }
        guard count == 7 || PlainTransfer.byte(base, offset) == 0x40 else {
            needsReading = true
            return
        }
        // The state must be null; the flags follow, and an aborted transfer is not plain.
        if count > 7 { offset += 1 }
        for index in 8..<11 where count > index {
            guard PlainTransfer.isFlag(base, offset), index != 9 || PlainTransfer.byte(base, offset) != 0x41 else {
                return nil
            }
            offset += 1
        }
        guard offset == size else { return nil }
        needsReading = hasFormat
    }

    @inline(__always)
    private static func byte(_ base: UnsafeRawPointer, _ offset: Int) -> UInt8 {
        base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// Whether a byte is null, true or false.
    @inline(__always)
    private static func isFlag(_ base: UnsafeRawPointer, _ offset: Int) -> Bool {
        byte(base, offset) &- 0x40 < 3
    }

    /// Reads a uint.
    @inline(__always)
    private static func uint(_ base: UnsafeRawPointer, _ offset: inout Int) -> UInt32? {
        switch byte(base, offset) {
        case 0x43:
            offset += 1
            return 0
        case 0x52:
            offset += 2
            return UInt32(byte(base, offset - 1))
        case 0x70:
            offset += 5
            return Encoded.word(base, offset - 4)
        default: return nil
        }
    }
}

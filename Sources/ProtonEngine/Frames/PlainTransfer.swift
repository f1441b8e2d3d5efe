// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A transfer whose fields are found without a look at each: nearly every frame on a busy connection is one.
///
/// What is written in a rarer way, or is too short to be read without checking bounds, is none: the scanner then goes
/// through the fields. The fields of one that needs no reading fill their list.
struct PlainTransfer {
    let handle: UInt32
    /// The delivery's id, where it has one.
    let deliveryID: UInt32
    let hasDeliveryID: Bool
    /// Whether it is the last of its message.
    let isComplete: Bool
    /// Whether it has a message format other than 0, or a state: such a transfer may have to be changed.
    let needsReading: Bool
    /// How many bytes the performative takes.
    let size: Int

    /// How many bytes have to be there from the performative on: more than the fields that are read can take.
    static let room = 80

    /// - Parameter base: the performative, with `room` bytes from there on.
    @inline(__always)
    init?(_ base: UnsafeRawPointer) {
        // The descriptor, and a list of either size.
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
        // Whether it is settled, and whether more comes: true, false and null have a byte each.
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
        // No state, and the flags: one that is aborted is none of these.
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

    /// Whether there is null, true or false, in a byte.
    @inline(__always)
    private static func isFlag(_ base: UnsafeRawPointer, _ offset: Int) -> Bool {
        byte(base, offset) &- 0x40 < 3
    }

    /// Takes an unsigned integer.
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

/// A transfer whose fields are found without a look at each: nearly every frame on a busy connection is one.
///
/// What is written in a rarer way, or is too short to be read without checking bounds, is none: the scanner then goes
/// through the fields.
struct PlainTransfer {
    let handle: UInt32
    /// Whether it is the last of its message.
    let isComplete: Bool
    /// Whether it has a message format other than 0, or a state: such a transfer may have to be changed.
    let needsReading: Bool

    /// How many bytes have to be there from the performative on: more than the fields that are read can take.
    static let room = 80

    /// - Parameter base: the performative, with `room` bytes from there on.
    @inline(__always)
    init?(_ base: UnsafeRawPointer) {
        // The descriptor, and a list of either size.
        guard Encoded.word(base, 0) & 0xffff_ffef == 0x0053_14c0 else { return nil }
        let isShort = PlainTransfer.byte(base, 3) == 0xc0
        let count = isShort ? UInt32(PlainTransfer.byte(base, 5)) : Encoded.word(base, 8)
        guard count > 0 else { return nil }
        var offset = isShort ? 6 : 12
        switch PlainTransfer.byte(base, offset) {
        case 0x43:
            handle = 0
            offset += 1
        case 0x52:
            handle = UInt32(PlainTransfer.byte(base, offset + 1))
            offset += 2
        case 0x70:
            handle = Encoded.word(base, offset + 1)
            offset += 5
        default: return nil
        }
        guard count > 3 else {
            (isComplete, needsReading) = (true, false)
            return
        }
        // The delivery's id, and its tag.
        let id = PlainTransfer.size(PlainTransfer.byte(base, offset))
        guard id > 0 else { return nil }
        offset += id
        switch PlainTransfer.byte(base, offset) {
        case 0xa0:
            let size = Int(PlainTransfer.byte(base, offset + 1))
            guard size <= 32 else { return nil }
            offset += 2 + size
        case 0x40: offset += 1
        default: return nil
        }
        let format = PlainTransfer.byte(base, offset)
        let formatSize = PlainTransfer.size(format)
        let hasFormat: Bool
        switch formatSize {
        case 1: hasFormat = false
        case 2: hasFormat = PlainTransfer.byte(base, offset + 1) != 0
        case 5: hasFormat = Encoded.word(base, offset + 1) != 0
        default: return nil
        }
        offset += formatSize
        guard count > 5 else {
            (isComplete, needsReading) = (true, hasFormat)
            return
        }
        // Whether it is settled, and whether more comes: true and false have a byte each.
        let (settled, more) = (PlainTransfer.byte(base, offset), PlainTransfer.byte(base, offset + 1))
        guard settled >> 2 == 0x40 >> 2, more >> 2 == 0x40 >> 2 else { return nil }
        isComplete = more != 0x41
        offset += 2
        guard count > 7 else {
            needsReading = hasFormat
            return
        }
        let mode = PlainTransfer.size(PlainTransfer.byte(base, offset))
        guard mode > 0 else { return nil }
        needsReading = hasFormat || PlainTransfer.byte(base, offset + mode) != 0x40
    }

    @inline(__always)
    private static func byte(_ base: UnsafeRawPointer, _ offset: Int) -> UInt8 {
        base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// How many bytes a value of up to four takes, with its constructor; 0 for what is longer.
    @inline(__always)
    private static func size(_ constructor: UInt8) -> Int {
        switch constructor >> 4 {
        case 0x4: 1
        case 0x5: 2
        case 0x7: 5
        default: 0
        }
    }
}

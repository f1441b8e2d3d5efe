import Proton
import ProtonUtilities

/// What the first bytes of a message say of how it is queued: its header's part (AMQP 1.0, 3.2.1), and whether
/// annotations follow.
///
/// Most messages have no header, or an empty one, and cost a look at a few bytes. A header that is not valid says
/// nothing: the consumer refuses such a message.
struct QueueingHeader: Equatable {
    /// Whether the message is to survive the broker.
    var isDurable = false
    /// How urgent the message is: higher goes first.
    var priority: UInt8 = 4
    /// How many milliseconds the message is of use; nil for ever.
    var timeToLive: UInt32?
    /// Whether the message has annotations, or may have them.
    var mayHaveAnnotations = false

    init(_ bytes: [UInt8]) {
        guard bytes.count > 3, bytes[0] == 0x00 else { return }
        guard bytes[1] == 0x53 else {
            // A descriptor in a longer form than it needs, or by its name, is rare.
            decode(bytes)
            return
        }
        switch (bytes[2], bytes[3]) {
        case (0x70, 0x45): noteAnnotations(bytes, at: 4)
        case (0x70, 0xc0) where bytes.count > 5:
            readFields(bytes[6...], count: Int(bytes[5]))
            noteAnnotations(bytes, at: 5 + Int(bytes[4]))
        case (0x70, 0xd0) where bytes.count > 12:
            readFields(bytes[12...], count: Int(bytes[11]))
            mayHaveAnnotations = true
        default: noteAnnotations(bytes, at: 0)
        }
    }

    private mutating func noteAnnotations(_ bytes: [UInt8], at index: Int) {
        guard index + 2 < bytes.count, bytes[index] == 0x00 else { return }
        mayHaveAnnotations = bytes[index + 1] != 0x53 || bytes[index + 2] == 0x71 || bytes[index + 2] == 0x72
    }

    /// Reads the first three fields, or none of them.
    private mutating func readFields(_ fields: ArraySlice<UInt8>, count: Int) {
        var (rest, read) = (fields, self)
        for field in 0..<min(count, 3) {
            guard let constructor = rest.popFirst() else { return }
            switch (field, constructor) {
            case (_, 0x40), (0, 0x42): break
            case (0, 0x41): read.isDurable = true
            case (0, 0x56): read.isDurable = rest.popFirst() == 1
            case (1, 0x50):
                guard let priority = rest.popFirst() else { return }
                read.priority = priority
            case (2, 0x43): read.timeToLive = 0
            case (2, 0x52):
                guard let time = rest.popFirst() else { return }
                read.timeToLive = UInt32(time)
            case (2, 0x70) where rest.count >= 4: read.timeToLive = rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
            default: return
            }
        }
        self = read
    }

    private mutating func decode(_ bytes: [UInt8]) {
        guard let message = try? Message(decoding: bytes) else { return }
        (isDurable, priority) = (message.isDurable, message.priority)
        timeToLive = message.timeToLive.map { UInt32(clamping: $0.milliseconds) }
        mayHaveAnnotations = true
    }
}

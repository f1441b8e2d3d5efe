/// What of a message's header decides how it is queued (AMQP 1.0, 3.2.1), read from its first bytes.
///
/// Most messages have no header, or an empty one, and cost a look at four bytes. A header that is not valid says
/// nothing: the consumer refuses such a message.
struct QueueingHeader: Equatable {
    /// Whether the message is to survive the broker.
    var isDurable = false
    /// How urgent the message is: higher goes first.
    var priority: UInt8 = 4
    /// How many milliseconds the message is of use; nil for ever.
    var timeToLive: UInt32?

    init(_ bytes: [UInt8]) {
        guard bytes.count > 5, bytes[0] == 0x00, bytes[1] == 0x53, bytes[2] == 0x70 else { return }
        switch bytes[3] {
        case 0xc0: self = QueueingHeader(fields: bytes[6...], count: Int(bytes[5])) ?? self
        case 0xd0 where bytes.count > 12:
            self = QueueingHeader(fields: bytes[12...], count: Int(bytes[11])) ?? self
        default: break
        }
    }

    private init?(fields: ArraySlice<UInt8>, count: Int) {
        var rest = fields
        for field in 0..<min(count, 3) {
            guard let constructor = rest.popFirst() else { return nil }
            switch (field, constructor) {
            case (_, 0x40), (0, 0x42): break
            case (0, 0x41): isDurable = true
            case (0, 0x56): isDurable = rest.popFirst() == 1
            case (1, 0x50):
                guard let priority = rest.popFirst() else { return nil }
                self.priority = priority
            case (2, 0x43): timeToLive = 0
            case (2, 0x52):
                guard let time = rest.popFirst() else { return nil }
                timeToLive = UInt32(time)
            case (2, 0x70) where rest.count >= 4: timeToLive = rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
            default: return nil
            }
        }
    }
}

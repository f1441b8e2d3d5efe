import Proton

/// When a message may be delivered, where its annotations say so.
///
/// The names are those of ActiveMQ Artemis and of Azure Service Bus: `x-opt-delivery-delay`, in milliseconds from when
/// the message comes; `x-opt-delivery-time` and `x-opt-scheduled-enqueue-time`, in milliseconds since 1970.
enum DeliveryTime: Equatable {
    case after(milliseconds: Int64)
    case at(Timestamp)

    /// Reads it of an encoded message; nil of most, at the cost of a look at a few bytes.
    init?(_ bytes: [UInt8]) {
        guard DeliveryTime.hasAnnotations(bytes), let message = try? Message(decoding: bytes) else { return nil }
        let annotations = message.annotations
        if let delay = annotations["x-opt-delivery-delay"]?.milliseconds {
            self = .after(milliseconds: max(0, delay))
        } else if let time = annotations["x-opt-delivery-time"] ?? annotations["x-opt-scheduled-enqueue-time"],
            let time = time.milliseconds
        {
            self = .at(Timestamp(milliseconds: time))
        } else {
            return nil
        }
    }

    /// Whether annotations follow the header, if there is one (AMQP 1.0, 3.2).
    private static func hasAnnotations(_ bytes: [UInt8]) -> Bool {
        func section(at index: Int) -> UInt8 {
            index + 3 < bytes.count && bytes[index] == 0x00 && bytes[index + 1] == 0x53 ? bytes[index + 2] : 0
        }
        var next = section(at: 0)
        if next == 0x70 {
            switch bytes[3] {
            case 0x45: next = section(at: 4)
            case 0xc0 where bytes.count > 4: next = section(at: 5 + Int(bytes[4]))
            // A long header is rare enough to be looked at closely.
            default: return true
            }
        }
        return next == 0x71 || next == 0x72
    }
}

extension AMQPValue {
    /// A number of milliseconds, from whatever integer or timestamp it is.
    fileprivate var milliseconds: Int64? {
        if case .timestamp(let time) = self { return time.milliseconds }
        return intValue.map(Int64.init)
    }
}

import Proton
import ProtonUtilities

/// When a message may be delivered, where its annotations say so.
///
/// The names are those of ActiveMQ Artemis and of Azure Service Bus: `x-opt-delivery-delay`, in milliseconds from when
/// the message comes; `x-opt-delivery-time` and `x-opt-scheduled-enqueue-time`, in milliseconds since 1970.
enum DeliveryTime: Equatable {
    case after(milliseconds: Int64)
    case at(Timestamp)

    /// Reads it of an encoded message that may have annotations.
    init?(_ bytes: [UInt8]) {
        guard let message = try? Message(decoding: bytes) else { return nil }
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
}

extension AMQPValue {
    /// A number of milliseconds, from whatever integer or timestamp it is.
    fileprivate var milliseconds: Int64? {
        if case .timestamp(let time) = self { return time.milliseconds }
        return intValue.map(Int64.init)
    }
}

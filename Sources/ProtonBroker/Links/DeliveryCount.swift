import Proton

extension QueuedMessage {
    /// The bytes to send: as they came, but for the header's delivery count where deliveries failed (AMQP 1.0, 3.2.1).
    var outgoingBytes: [UInt8] {
        guard failures > 0, var message = try? Message(decoding: bytes) else { return bytes }
        let (count, overflow) = message.deliveryCount.addingReportingOverflow(failures)
        message.deliveryCount = overflow ? .max : count
        return message.encoded()
    }
}

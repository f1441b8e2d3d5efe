import Proton

extension QueuedMessage {
    /// The bytes to send: as they came, but for the header's delivery count where deliveries failed (AMQP 1.0, 3.2.1).
    ///
    /// Bytes that are no valid message are the consumer's to refuse: they go out as they came.
    var outgoingBytes: [UInt8] {
        failures == 0 ? bytes : (try? QueuedMessage.raiseDeliveryCount(of: bytes, by: failures)) ?? bytes
    }

    private static func raiseDeliveryCount(of bytes: [UInt8], by failures: UInt32) throws -> [UInt8] {
        var message = try Message(decoding: bytes)
        let (count, overflow) = message.deliveryCount.addingReportingOverflow(failures)
        message.deliveryCount = overflow ? .max : count
        return try message.encoded()
    }
}

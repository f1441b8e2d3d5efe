import Proton

extension QueuedMessage {
    /// The bytes to send: as they came, but for the header's delivery count where deliveries failed (AMQP 1.0, 3.2.1),
    /// and for annotations that consumers wanted added.
    ///
    /// Bytes that are no valid message are the consumer's to refuse: they go out as they came.
    var outgoingBytes: [UInt8] {
        failures == 0 && extras == nil ? bytes : (try? changedBytes()) ?? bytes
    }

    private func changedBytes() throws -> [UInt8] {
        let added = extras?.annotations ?? Annotations()
        guard failures > 0 || !added.isEmpty else { return bytes }
        var message = try Message(decoding: bytes)
        let (count, overflow) = message.deliveryCount.addingReportingOverflow(failures)
        if failures > 0 { message.deliveryCount = overflow ? .max : count }
        for (key, value) in added { message.annotations[key] = value }
        return try message.encoded()
    }

    /// The most that consumers may add to the annotations of a message, in encoded bytes: what is more is not added.
    private static let maxAddedSize = 4_096

    /// The message with annotations to be merged into its own.
    func merging(_ annotations: Annotations) -> QueuedMessage {
        guard !annotations.isEmpty else { return self }
        var merged = extras?.annotations ?? Annotations()
        for (key, value) in annotations { merged[key] = value }
        guard let size = try? AMQPValue.map(AMQPMap(merged)).encoded().count, size <= QueuedMessage.maxAddedSize else {
            return self
        }
        var message = self
        message.extras = Extras(content: extras?.content, annotations: merged, expiry: extras?.expiry)
        return message
    }
}

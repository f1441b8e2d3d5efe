/// How much one queue holds, of what waits and of what its consumers have not settled yet.
///
/// A queue that has reached a limit gives its senders no more credit until a quarter of it is free. What they had
/// credit for already is taken until the queue holds twice as much; what comes after that is rejected with
/// `amqp:resource-limit-exceeded`.
public struct QueueLimits: Sendable, Hashable {
    /// How many messages: at least 1, by default 1,000,000.
    public var messages: Int
    /// How many bytes of encoded messages: at least 1, by default 256 MiB.
    public var bytes: Int

    /// Creates limits.
    public init(messages: Int = 1_000_000, bytes: Int = 256 * 1_024 * 1_024) {
        self.messages = messages
        self.bytes = bytes
    }
}

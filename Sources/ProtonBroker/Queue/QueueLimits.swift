/// How much one queue holds, of what waits and of what its consumers have not settled yet; and what happens then.
public struct QueueLimits: Sendable, Hashable {
    /// What a queue does that has reached a limit.
    public enum Policy: String, Sendable, Hashable, CaseIterable {
        /// It gives its senders no more credit until a quarter of it is free.
        ///
        /// What they had credit for already is taken until the queue holds twice as much; what comes after that is
        /// rejected with `amqp:resource-limit-exceeded`.
        case withholdCredit
        /// It rejects what comes, with `amqp:resource-limit-exceeded`.
        case reject
        /// It drops the messages that it would send next, to make room; where none waits, it rejects what comes.
        case dropOldest
    }

    /// How many messages: at least 1, by default 1,000,000.
    public var messages: Int
    /// How many bytes of encoded messages: at least 1, by default 256 MiB.
    public var bytes: Int
    /// What happens at a limit; by default senders get no more credit.
    public var policy: Policy

    /// Creates limits.
    public init(messages: Int = 1_000_000, bytes: Int = 256 * 1_024 * 1_024, policy: Policy = .withholdCredit) {
        self.messages = messages
        self.bytes = bytes
        self.policy = policy
    }
}

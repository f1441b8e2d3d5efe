/// How much transactions may hold open.
public struct TransactionLimits: Sendable, Hashable {
    /// How many may be open on a connection: at least 1, by default 100.
    ///
    /// One more is rejected with `amqp:resource-limit-exceeded`.
    public var perConnection: Int
    /// How many messages one may have, sent and received: at least 1, by default 10,000.
    ///
    /// A transaction that has more, or for whose messages there is no room in their queues, is rolled back when it is to
    /// be committed.
    public var messages: Int

    /// Creates limits.
    public init(perConnection: Int = 100, messages: Int = 10_000) {
        self.perConnection = perConnection
        self.messages = messages
    }
}

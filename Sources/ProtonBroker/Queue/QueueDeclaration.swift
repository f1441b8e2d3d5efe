/// A queue that a broker has from the start, whether it is used or not.
public struct QueueDeclaration: Sendable, Hashable {
    /// The address that links attach to.
    public var address: String
    /// How much it holds; nil, the default, is `BrokerOptions.queueLimits`.
    public var limits: QueueLimits?
    /// Whether one consumer has it for itself: others are refused with `amqp:resource-locked` as long as that is
    /// attached. Default false: consumers compete.
    public var isExclusive: Bool

    /// Creates a declaration.
    public init(_ address: String, limits: QueueLimits? = nil, isExclusive: Bool = false) {
        self.address = address
        self.limits = limits
        self.isExclusive = isExclusive
    }
}

public import Proton

/// How a broker treats its peers; each option has a safe default.
public struct BrokerOptions: Sendable {
    /// How many threads serve the connections: at least 1, the default, which is the fastest for one core.
    ///
    /// A connection is served by one thread at a time; queues are shared.
    public var threads = 1
    /// How much each queue holds.
    public var queueLimits = QueueLimits()
    /// How many queues there may be: at least 1, by default 65,536.
    ///
    /// An attach that would make one more is refused with `amqp:resource-limit-exceeded`.
    public var maxQueues = 65_536
    /// How many bytes of messages all queues may hold: at least 1, by default 1 GiB.
    ///
    /// A message that comes when they hold as much is rejected with `amqp:resource-limit-exceeded`.
    public var maxBytes = 1_024 * 1_024 * 1_024
    /// How many messages a peer may send ahead on each link: at least 1, by default 1,000.
    public var creditWindow = 1_000
    /// How many messages a consumer may have unsettled on each link, whatever its credit: at least 1, by default 10,000.
    public var maxUnsettled = 10_000
    /// How much transactions may hold open.
    public var transactionLimits = TransactionLimits()
    /// The queue for messages that consumers reject, made when there is one; nil, the default, drops them.
    public var deadLetterAddress: String?
    /// How many connections there may be at once, at least 1; nil, the default, leaves that to the limit of open files.
    ///
    /// See `maxConnections` of `Container.listen`.
    public var maxConnections: Int?
    /// How connections are taken, with the limits of each.
    public var connection = ConnectionOptions()
    /// The broker's container id; nil makes a random one.
    public var containerID: String?
    /// How long peers may take to close their side when the broker stops: up to a day, by default 2 seconds.
    public var stopGrace = Duration.seconds(2)

    /// The default options.
    public init() {}

    /// - Throws: `ProtonError.Code.invalidArgument` that names the first option that makes no sense.
    func validate() throws {
        let counts = [
            ("threads", threads), ("queueLimits.messages", queueLimits.messages),
            ("queueLimits.bytes", queueLimits.bytes),
            ("maxQueues", maxQueues), ("maxBytes", maxBytes), ("creditWindow", creditWindow),
            ("maxUnsettled", maxUnsettled), ("transactionLimits.perConnection", transactionLimits.perConnection),
            ("transactionLimits.messages", transactionLimits.messages),
        ]
        for (name, count) in counts where count < 1 {
            throw ProtonError(.invalidArgument, "\(name) is \(count): it must be at least 1.")
        }
        if let address = deadLetterAddress {
            do throws(Refusal) {
                _ = try NodeTable.checked(address)
            } catch {
                throw ProtonError(.invalidArgument, "deadLetterAddress: \(error.condition.description ?? "")")
            }
        }
        guard stopGrace >= .zero, stopGrace <= .seconds(86_400) else {
            throw ProtonError(.invalidArgument, "stopGrace is \(stopGrace): it must be from zero to a day.")
        }
    }
}

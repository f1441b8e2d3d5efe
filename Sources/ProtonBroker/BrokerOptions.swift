// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Logging
public import Proton

/// The options of a broker; each has a safe default.
public struct BrokerOptions: Sendable {
    /// The number of threads that serve the connections: at least 1, the default, which is the fastest for one core.
    ///
    /// A connection is served by one thread at a time; queues are shared.
    public var threads = 1
    /// The queues that exist from the start; each address may occur once.
    public var queues: [QueueDeclaration] = []
    /// Whether an attach to an address without a queue creates one, which is deleted when it is empty and has no links. Default
    /// true; otherwise such an attach is refused with `amqp:not-found`.
    public var makesQueues = true
    /// The patterns of addresses that are topics rather than queues. By default `topic/*/#`: all that begin with `topic/`.
    ///
    /// A `*` stands for one segment, and `#` at the end for any number of segments, including none.
    ///
    /// Segments are separated by `/` only: `topic.orders` is one segment, and by default a queue. An address of `queues` is a
    /// queue, whatever patterns it matches.
    ///
    /// A message for a topic goes to all current subscriptions: consumers that are attached to it, or to a pattern of topics. A
    /// subscription ends with its link, unless its source has a durability or the expiry policy `never`: then it is kept, under
    /// the peer's container id and the link's name, until the link is closed rather than detached.
    public var topics = ["topic/*/#"]
    /// The policy of a durable subscription at a limit of `queueLimits`; by default it drops its oldest messages, which are
    /// counted and logged.
    ///
    /// With `.reject` it refuses messages for its topic, so that one absent subscriber stops all publishers: they are rejected
    /// with `amqp:resource-limit-exceeded`. `.withholdCredit` is not allowed.
    public var subscriptionPolicy = QueueLimits.Policy.dropOldest
    /// The store of durable messages; nil, the default, keeps all messages in memory only.
    ///
    /// With a store, queues with names and durable subscriptions keep the messages whose header has the field durable, and accept
    /// them only when they are on disk. A store serves one broker, which closes it at its end.
    public var store: (any MessageStore)?
    /// The limits of each queue.
    public var queueLimits = QueueLimits()
    /// The maximum number of queues: at least 1, by default 65,536.
    ///
    /// An attach that would create another one is refused with `amqp:resource-limit-exceeded`.
    public var maxQueues = 65_536
    /// The maximum memory for the messages of all queues, in bytes: at least 1, by default 1 GiB.
    ///
    /// They count as in `QueueLimits.bytes`. At the limit, messages that arrive are rejected with `amqp:resource-limit-exceeded`.
    public var maxBytes = 1_024 * 1_024 * 1_024
    /// The maximum credit of a producer on each link: at least 1, by default 500.
    ///
    /// A sender begins with credit for a few messages, and gets up to this number as it uses them.
    public var creditWindow = 500
    /// The maximum number of unsettled messages of a consumer on each link, whatever its credit: at least 1, by default 10,000.
    public var maxUnsettled = 10_000
    /// The limits of open transactions.
    public var transactionLimits = TransactionLimits()
    /// The number and the delays of further deliveries after failed ones.
    public var redelivery = RedeliveryPolicy()
    /// The queue for dead letters, created with the first one; nil, the default, drops them.
    ///
    /// Dead letters are messages that consumers reject, messages whose deliveries failed as often as `redelivery` allows, and,
    /// with `deadLettersExpired`, expired messages. A `*` stands for the address of the message's queue: with `dead/*`, the dead
    /// letters of `orders` go to `dead/orders`. Dead letters of a dead-letter queue are dropped.
    public var deadLetterAddress: String?
    /// Whether messages that expire go to the dead-letter address too. Default false: they are dropped.
    public var deadLettersExpired = false
    /// The maximum number of connections, at least 1; nil, the default, uses the limit of open files.
    ///
    /// See `maxConnections` of `Container.listen`.
    public var maxConnections: Int?
    /// The options of connections, with their limits. Their `authentication` is ignored: `users` and `anonymous` replace it.
    public var connection = ConnectionOptions()
    /// The users that may authenticate, such as a `UserFile`; nil, the default, allows only peers whose certificates `tls`
    /// verifies.
    ///
    /// After a few failed attempts, with the same name from the same host or with many names from one host, the answer is delayed
    /// more and more, up to 5 seconds. The log has at most one line every ten seconds, with the number of omitted ones.
    public var users: (any Authenticator)?
    /// The certificate of the addresses that begin with `amqps:`, and the requirements for their clients.
    ///
    /// Nil, the default, allows no such addresses.
    ///
    /// A client with a verified certificate can authenticate with it, as the user that `TLSServerOptions.userName` returns (SASL
    /// EXTERNAL).
    public var tls: TLSServerOptions?
    /// From where peers are accepted that have not authenticated.
    ///
    /// Nil, the default, accepts them from this machine as long as there are no users to authenticate as, and otherwise from
    /// nowhere.
    ///
    /// Others are closed with `amqp:unauthorized-access`.
    public var anonymous: Allowance?
    /// The access rules for addresses; nil, the default, allows every admitted peer everything.
    ///
    /// `Broker.setRules` changes them while the broker runs.
    public var rules: AccessRules?
    /// The maximum number of connections of a host and of a user.
    public var peerLimits = PeerLimits()
    /// The host of a peer's address; nil if it has none, which counts as this machine. Tests set it, since they have no other
    /// machines.
    package var hostOfPeer: @Sendable (_ address: String?) -> PeerHost? = { $0.flatMap { PeerHost($0) } }
    /// The broker's container id; nil generates a random one.
    public var containerID: String?
    /// The broker's logger; nil, the default, is the logger with the label `proton.broker`.
    public var logger: Logger?
    /// The interval at which the metrics are updated: at least 1 second; nil, the default, has no metrics.
    ///
    /// They are metrics of `MetricsSystem` of the package swift-metrics, which the program sets up before it creates the broker.
    /// Gauges: `proton_broker_queues`, `proton_broker_messages_waiting`, `proton_broker_messages_unsettled`,
    /// `proton_broker_message_bytes`, `proton_broker_connections`, `proton_broker_consumers`, `proton_broker_senders`. Counters:
    /// `proton_broker_messages_received_total`, `proton_broker_messages_removed_total`, with the values of `BrokerStatus`. Their
    /// dimension `broker` is the broker's first address. The time of an update grows with the number of queues, not of messages.
    public var metricsInterval: Duration?
    /// The time that peers have to close their side when the broker stops: up to a day, by default 2 seconds.
    public var stopGrace = Duration.seconds(2)

    /// The default options.
    public init() {}

    /// - Throws: `ProtonError.Code.invalidArgument` that names the first invalid option.
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
        for (name, count) in [
            ("connectionsPerHost", peerLimits.connectionsPerHost),
            ("connectionsPerUser", peerLimits.connectionsPerUser),
        ] {
            guard let count, count < 1 else { continue }
            throw ProtonError(.invalidArgument, "peerLimits.\(name) is \(count): it must be at least 1, or nil.")
        }
        let addresses = queues.map(\.address)
        guard Set(addresses).count == addresses.count else {
            throw ProtonError(.invalidArgument, "queues: an address is there twice.")
        }
        for queue in queues { try queue.validate("queues") }
        try redelivery.validate("redelivery")
        if let deadLetterAddress { try DeadLetterAddress.validate(deadLetterAddress, "deadLetterAddress") }
        guard subscriptionPolicy != .withholdCredit else {
            throw ProtonError(
                .invalidArgument, "subscriptionPolicy is withholdCredit: it must be dropOldest or reject.")
        }
        if let metricsInterval, metricsInterval < .seconds(1) {
            throw ProtonError(.invalidArgument, "metricsInterval is \(metricsInterval): it must be at least a second.")
        }
        guard stopGrace >= .zero, stopGrace <= .seconds(86_400) else {
            throw ProtonError(.invalidArgument, "stopGrace is \(stopGrace): it must be from zero to a day.")
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Logging
public import Proton

/// How a broker treats its peers; each option has a safe default.
public struct BrokerOptions: Sendable {
    /// How many threads serve the connections: at least 1, the default, which is the fastest for one core.
    ///
    /// A connection is served by one thread at a time; queues are shared.
    public var threads = 1
    /// The queues that there are from the start; an address may come once.
    public var queues: [QueueDeclaration] = []
    /// Whether an attach to an address that has no queue makes one, which goes when it is empty and no link is attached.
    /// Default true; otherwise such an attach is refused with `amqp:not-found`.
    public var makesQueues = true
    /// Which addresses are topics rather than queues: patterns, with `*` for one segment and `#` at the end for any number,
    /// none included. By default `topic/*/#`: all that begin with `topic/`.
    ///
    /// Segments are separated by `/` and by nothing else: `topic.orders` is one segment, and by default a queue. An address
    /// of `queues` is a queue, whatever patterns it matches.
    ///
    /// A message for a topic goes to each who has subscribed by then: a consumer that attaches to it, or to a pattern of
    /// topics. A subscription goes with its link, unless its source has a durability or the expiry policy `never`: it is
    /// then kept under the peer's container id and the link's name until the link is closed, rather than detached.
    public var topics = ["topic/*/#"]
    /// What a durable subscription does that has reached a limit of `queueLimits`; by default it drops its oldest messages,
    /// which are counted and logged.
    ///
    /// With `.reject` it refuses what is published to its topic, so that one subscriber who stays away stops the publishers:
    /// they are rejected with `amqp:resource-limit-exceeded`. `.withholdCredit` is not allowed.
    public var subscriptionPolicy = QueueLimits.Policy.dropOldest
    /// Where durable messages are kept; nil, the default, keeps all messages in memory only.
    ///
    /// With a store, queues with names and durable subscriptions keep the messages whose header says that they are durable,
    /// and accept them only once they are on disk. A store serves one broker, which closes it at its end.
    public var store: (any MessageStore)?
    /// How much each queue holds.
    public var queueLimits = QueueLimits()
    /// How many queues there may be: at least 1, by default 65,536.
    ///
    /// An attach that would make one more is refused with `amqp:resource-limit-exceeded`.
    public var maxQueues = 65_536
    /// How many bytes of memory the messages of all queues may take: at least 1, by default 1 GiB.
    ///
    /// They count as in `QueueLimits.bytes`. A message that comes when they take as much is rejected with
    /// `amqp:resource-limit-exceeded`.
    public var maxBytes = 1_024 * 1_024 * 1_024
    /// How many messages a peer may send ahead on each link: at least 1, by default 500.
    ///
    /// A sender begins with the credit for a few messages, and gets up to this many as it uses them.
    public var creditWindow = 500
    /// How many messages a consumer may have unsettled on each link, whatever its credit: at least 1, by default 10,000.
    public var maxUnsettled = 10_000
    /// How much transactions may hold open.
    public var transactionLimits = TransactionLimits()
    /// How often, and how soon, messages are delivered again after deliveries that failed.
    public var redelivery = RedeliveryPolicy()
    /// The queue for dead letters, made when there is one; nil, the default, drops them.
    ///
    /// Dead letters are the messages that consumers reject, those whose deliveries failed as often as `redelivery` allows,
    /// and with `deadLettersExpired` those whose time has passed. A `*` stands for the address of the queue that the
    /// message comes from: with `dead/*`, the dead letters of `orders` go to `dead/orders`. Those of a queue of dead letters
    /// are dropped.
    public var deadLetterAddress: String?
    /// Whether messages that expire go to the dead-letter address too. Default false: they are dropped.
    public var deadLettersExpired = false
    /// How many connections there may be at once, at least 1; nil, the default, leaves that to the limit of open files.
    ///
    /// See `maxConnections` of `Container.listen`.
    public var maxConnections: Int?
    /// How connections are taken, with the limits of each. Their `authentication` is not looked at: `users` and `anonymous`
    /// are in its place.
    public var connection = ConnectionOptions()
    /// Who may log in, such as a `UserFile`; nil, the default, is nobody, but for peers whose certificates `tls` verifies.
    ///
    /// Who has failed a few times, by the same name from the same host or by many names from one, is told of the outcome
    /// later and later, up to 5 seconds; the log has a line at most every ten seconds, with the number of those left out.
    public var users: (any Authenticator)?
    /// The certificate of the addresses that begin with `amqps:`, and what is asked of their clients; nil, the default, is
    /// none: there can be no such addresses.
    ///
    /// A client whose certificate is verified can log in by it, as the user that `TLSServerOptions.userName` says (SASL
    /// EXTERNAL).
    public var tls: TLSServerOptions?
    /// From where peers are taken that have not logged in; nil, the default, is from this machine as long as there are no
    /// users to log in as, and from nowhere once there are.
    ///
    /// Others are closed with `amqp:unauthorized-access`.
    public var anonymous: Allowance?
    /// Who may do what at which addresses; nil, the default, allows every peer that is taken everything.
    ///
    /// `Broker.setRules` changes them while the broker runs.
    public var rules: AccessRules?
    /// How many connections a host and a user may have.
    public var peerLimits = PeerLimits()
    /// The host of a peer's address; nil where it has none, which counts as this machine. Tests set it, since they have no
    /// other machines.
    package var hostOfPeer: @Sendable (_ address: String?) -> PeerHost? = { $0.flatMap { PeerHost($0) } }
    /// The broker's container id; nil makes a random one.
    public var containerID: String?
    /// Where the broker's lines go; nil, the default, is the logger of the label `proton.broker`.
    public var logger: Logger?
    /// How often the program's metrics are told what the broker holds: at least 1 second; nil, the default, is never.
    ///
    /// They are those of `MetricsSystem` of the package swift-metrics, which the program sets up before it makes the
    /// broker. Gauges: `proton_broker_queues`, `proton_broker_messages_waiting`, `proton_broker_messages_unsettled`,
    /// `proton_broker_message_bytes`, `proton_broker_connections`, `proton_broker_consumers`, `proton_broker_senders`.
    /// Counters: `proton_broker_messages_received_total`, `proton_broker_messages_removed_total`, as `BrokerStatus` has
    /// them. Their dimension `broker` is the broker's first address. The time that it takes grows with the number of
    /// queues, not with that of messages.
    public var metricsInterval: Duration?
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

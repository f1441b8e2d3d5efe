// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// A queue, or the queue of a subscription, for the management node: its state at one moment.
struct ManagedQueue: Sendable {
    let status: QueueStatus
    let kind: Queue.Kind
    let settings: QueueSettings
    /// Whether it is kept while it is unused.
    let isKept: Bool
    /// The owner of the subscription; nil if it has none, and for other queues.
    let owner: UserName?

    var subscription: Subscription? {
        if case .subscription(let subscription) = kind { subscription } else { nil }
    }

    var type: ManagedType { subscription == nil ? .queue : .subscription }

    /// A declaration with the settings of the queue, without an address for dead letters.
    var declaration: QueueDeclaration {
        QueueDeclaration(
            status.address, limits: settings.limits, isExclusive: isExclusive, redelivery: settings.redelivery)
    }

    private var isExclusive: Bool { if case .named(isExclusive: true) = kind { true } else { false } }

    static let attributeNames =
        [
            "isDeclared", "isDynamic", "isDurable", "isExclusive", "maxMessages", "maxBytes", "policy", "maxDeliveries",
            "redeliveryDelay", "maxRedeliveryDelay", "deadLetterAddress",
        ] + countNames

    static let subscriptionAttributeNames = ["topic", "selector", "owner", "isDurable"] + countNames

    private static let countNames = [
        "waiting", "unsettled", "bytes", "consumers", "senders", "received", "removed",
    ]

    /// In the order of their names.
    var attributes: [AMQPValue] {
        let counts: [AMQPValue] = [
            .count(status.waiting), .count(status.unsettled), .count(status.bytes), .count(status.consumers),
            .count(status.senders), .ulong(status.received), .ulong(status.removed),
        ]
        if let subscription {
            return [
                .string(subscription.address), .text(subscription.selectorText), .text(owner?.text),
                .boolean(subscription.isDurable),
            ] + counts
        }
        let isDynamic = if case .dynamic = kind { true } else { false }
        return [
            .boolean(isKept), .boolean(isDynamic), .boolean(settings.isDurable), .boolean(isExclusive),
            .count(settings.limits.messages), .count(settings.limits.bytes), .string(settings.limits.policy.rawValue),
            settings.redelivery.maxDeliveries.map { .count($0) } ?? .null, .milliseconds(settings.redelivery.delay),
            .milliseconds(settings.redelivery.maxDelay), .text(settings.deadLetterAddress),
        ] + counts
    }
}

/// A connection, for the management node.
struct ManagedConnection: Sendable {
    /// Its number, which is unique while the broker runs.
    let number: UInt64
    let status: ConnectionStatus

    static let attributeNames = ["address", "containerID", "user", "links"]

    var attributes: [AMQPValue] {
        [.string(status.address), .string(status.containerID), .text(status.user), .count(status.links)]
    }
}

/// A link, for the management node.
struct ManagedLink: Sendable {
    /// Its number, which is unique while the broker runs.
    let number: UInt64
    /// The number of its connection.
    let connection: UInt64
    /// The name of the link.
    let name: String
    /// Whether its peer sends.
    let isSender: Bool
    /// The address of its node; nil for links to the anonymous relay and to the coordinator.
    let address: String?

    static let attributeNames = ["linkName", "role", "address", "connection"]

    var attributes: [AMQPValue] {
        [.string(name), .string(isSender ? "sender" : "receiver"), .text(address), .string("\(connection)")]
    }
}

/// The broker, for the management node.
struct ManagedBroker: Sendable {
    /// The status, of which the queues and connections are not used.
    let status: BrokerStatus
    let queues: Int
    let connections: Int
    let unsettled: Int
    let waiting: Int
    let options: BrokerOptions

    static let attributeNames = [
        "queues", "connections", "waiting", "unsettled", "bytes", "received", "removed", "storeFailure", "isDurable",
        "maxQueues", "maxBytes",
    ]

    init(_ status: BrokerStatus, _ options: BrokerOptions) {
        self.status = status
        self.options = options
        (queues, connections) = (status.queues.count, status.connections.count)
        unsettled = status.queues.reduce(0) { $0 + $1.unsettled }
        waiting = status.queues.reduce(0) { $0 + $1.waiting }
    }

    var attributes: [AMQPValue] {
        [
            .count(queues), .count(connections), .count(waiting), .count(unsettled), .count(status.bytes),
            .ulong(status.received), .ulong(status.removed), .text(status.storeFailure),
            .boolean(options.store != nil), .count(options.maxQueues), .count(options.maxBytes),
        ]
    }
}

/// An entity of the management node.
enum ManagedEntity: Sendable {
    case node
    case broker(ManagedBroker)
    case queue(ManagedQueue)
    case connection(ManagedConnection)
    case link(ManagedLink)

    var type: ManagedType {
        switch self {
        case .node: .node
        case .broker: .broker
        case .queue(let queue): queue.type
        case .connection: .connection
        case .link: .link
        }
    }

    /// Its name and identity, which are the same, unique in its type.
    var name: String {
        switch self {
        case .node: "self"
        case .broker: "broker"
        case .queue(let queue): queue.status.address
        case .connection(let connection): "\(connection.number)"
        case .link(let link): "\(link.number)"
        }
    }

    /// In the order of its type's attribute names.
    var attributes: [AMQPValue] {
        let own =
            switch self {
            case .node: [AMQPValue]()
            case .broker(let broker): broker.attributes
            case .queue(let queue): queue.attributes
            case .connection(let connection): connection.attributes
            case .link(let link): link.attributes
            }
        return [.string(name), .string(name), .string(type.rawValue)] + own
    }

    /// All attributes, for the answer to READ.
    var map: AMQPMap { AMQPMap(zip(type.attributeNames, attributes).map { (.string($0), $1) }) }
}

extension AMQPValue {
    fileprivate static func count(_ count: Int) -> AMQPValue { .ulong(UInt64(max(0, count))) }

    fileprivate static func text(_ text: String?) -> AMQPValue { text.map { .string($0) } ?? .null }

    fileprivate static func milliseconds(_ time: Duration) -> AMQPValue { .ulong(UInt64(max(0, time.milliseconds))) }
}

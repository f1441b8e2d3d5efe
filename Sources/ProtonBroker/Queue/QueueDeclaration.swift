// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A queue that a broker has from the start, and keeps when it is unused.
public struct QueueDeclaration: Sendable, Hashable {
    /// The address that links attach to. It is a queue even if it matches a pattern of `BrokerOptions.topics`.
    public var address: String
    /// The limits of the queue; nil, the default, is `BrokerOptions.queueLimits`.
    public var limits: QueueLimits?
    /// Whether only one consumer may be attached at a time: others are refused with `amqp:resource-locked`. Default false:
    /// consumers compete.
    public var isExclusive: Bool
    /// The policy after failed deliveries; nil, the default, is `BrokerOptions.redelivery`.
    public var redelivery: RedeliveryPolicy?
    /// The address for its dead letters; nil, the default, is `BrokerOptions.deadLetterAddress`, which defines them.
    public var deadLetterAddress: String?

    /// Creates a declaration.
    public init(
        _ address: String, limits: QueueLimits? = nil, isExclusive: Bool = false, redelivery: RedeliveryPolicy? = nil,
        deadLetterAddress: String? = nil
    ) {
        self.address = address
        self.limits = limits
        self.isExclusive = isExclusive
        self.redelivery = redelivery
        self.deadLetterAddress = deadLetterAddress
    }

    /// - Parameter name: the name of the declarations in errors.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the invalid value.
    func validate(_ name: String) throws {
        do throws(ConditionError) {
            _ = try AddressTable.checked(address)
        } catch {
            throw ProtonError(.invalidArgument, "\(name): \(error.condition.description ?? "")")
        }
        guard !ManagementNode.isAddress(address) else {
            throw ProtonError(.invalidArgument, "\(name): \(address) is the address of the management node.")
        }
        guard limits?.messages ?? 1 >= 1, limits?.bytes ?? 1 >= 1 else {
            throw ProtonError(.invalidArgument, "\(name): a limit of \(address) is below 1.")
        }
        try redelivery?.validate("\(name): redelivery of \(address)")
        if let deadLetterAddress {
            try DeadLetterAddress.validate(deadLetterAddress, "\(name): deadLetterAddress of \(address)")
        }
    }
}

/// The limits of one queue, for waiting and for unsettled messages, and the policy at a limit.
public struct QueueLimits: Sendable, Hashable {
    /// The policy of a queue that has reached a limit.
    public enum Policy: String, Sendable, Hashable, CaseIterable {
        /// It gives its senders no more credit until a quarter of it is free.
        ///
        /// Credit reserves room: the queue takes every message of a sender that keeps to its credit. Such a message is rejected,
        /// with `amqp:resource-limit-exceeded`, only if all queues together have reached `BrokerOptions.maxBytes`.
        case withholdCredit
        /// It rejects further messages, with `amqp:resource-limit-exceeded`.
        case reject
        /// It drops the messages that it would send next, to make room; if none waits, it rejects further messages.
        case dropOldest
    }

    /// The maximum number of messages: at least 1, by default 1,000,000.
    public var messages: Int
    /// The maximum memory in bytes: at least 1, by default 256 MiB.
    ///
    /// A message counts with its encoded bytes, 96 bytes more, and the parts that were decoded for selectors.
    public var bytes: Int
    /// The policy at a limit; by default senders get no more credit.
    public var policy: Policy

    /// Creates limits.
    public init(messages: Int = 1_000_000, bytes: Int = 256 * 1_024 * 1_024, policy: Policy = .withholdCredit) {
        self.messages = messages
        self.bytes = bytes
        self.policy = policy
    }
}

/// The settings of a queue, which do not change.
struct QueueSettings: Sendable {
    /// The address that links attach to.
    let address: String
    var limits = QueueLimits()
    var redelivery = RedeliveryPolicy()
    /// The address for messages that cannot be delivered; nil drops them.
    var deadLetterAddress: String?
    /// Whether expired messages go there too.
    var deadLettersExpired = false
    /// Whether durable messages are kept in the broker's store.
    var isDurable = false
    /// The queue's number in the store.
    var storeID: UInt64 = 0
    /// The broker's details of the queue in the store.
    var details: [UInt8] = []

    var hasDeadLetterAddress: Bool { deadLetterAddress != nil }
}

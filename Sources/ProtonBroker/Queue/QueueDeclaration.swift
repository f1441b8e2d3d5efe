// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A queue that a broker has from the start, whether it is used or not.
public struct QueueDeclaration: Sendable, Hashable {
    /// The address that links attach to. It is a queue even where it matches a pattern of `BrokerOptions.topics`.
    public var address: String
    /// How much it holds; nil, the default, is `BrokerOptions.queueLimits`.
    public var limits: QueueLimits?
    /// Whether one consumer has it for itself: others are refused with `amqp:resource-locked` as long as that is
    /// attached. Default false: consumers compete.
    public var isExclusive: Bool
    /// How its messages are delivered again after a failure; nil, the default, is `BrokerOptions.redelivery`.
    public var redelivery: RedeliveryPolicy?
    /// Where its dead letters go; nil, the default, is `BrokerOptions.deadLetterAddress`, which says what these are.
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

    /// - Parameter name: what errors call the declarations.
    /// - Throws: `ProtonError.Code.invalidArgument` that names what makes no sense.
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

/// How much one queue holds, of what waits and of what its consumers have not settled yet; and what happens then.
public struct QueueLimits: Sendable, Hashable {
    /// What a queue does that has reached a limit.
    public enum Policy: String, Sendable, Hashable, CaseIterable {
        /// It gives its senders no more credit until a quarter of it is free.
        ///
        /// Credit that was given is room that is kept for the sender: the queue takes every message of a sender that
        /// keeps to its credit. Such a message is rejected, with `amqp:resource-limit-exceeded`, only where all queues
        /// together have reached `BrokerOptions.maxBytes`.
        case withholdCredit
        /// It rejects what comes, with `amqp:resource-limit-exceeded`.
        case reject
        /// It drops the messages that it would send next, to make room; where none waits, it rejects what comes.
        case dropOldest
    }

    /// How many messages: at least 1, by default 1,000,000.
    public var messages: Int
    /// How many bytes of memory: at least 1, by default 256 MiB.
    ///
    /// A message counts with what it takes: its encoded bytes, 96 bytes more, and what was decoded of it for selectors.
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

/// How a queue is set up, for as long as it is there.
struct QueueSettings: Sendable {
    /// The address that links attach to.
    let address: String
    var limits = QueueLimits()
    var redelivery = RedeliveryPolicy()
    /// Where messages go that cannot be delivered; nil drops them.
    var deadLetterAddress: String?
    /// Whether messages go there as well whose time to live is over.
    var deadLettersExpired = false
    /// Whether durable messages are kept in the broker's store.
    var isDurable = false
    /// The queue's number in the store.
    var storeID: UInt64 = 0
    /// What else the store keeps of the queue.
    var details: [UInt8] = []

    var hasDeadLetterAddress: Bool { deadLetterAddress != nil }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// The attributes of a queue that management requests can set; the store keeps them for queues that were declared by request.
enum QueueAttribute: String, CaseIterable {
    case maxMessages, maxBytes, policy, isExclusive, maxDeliveries, redeliveryDelay, maxRedeliveryDelay
    case deadLetterAddress

    /// Whether it can be changed while the queue exists.
    var isChangeable: Bool {
        switch self {
        case .maxMessages, .maxBytes, .maxDeliveries, .redeliveryDelay, .maxRedeliveryDelay, .deadLetterAddress: true
        case .policy, .isExclusive: false
        }
    }
}

extension QueueDeclaration {
    /// Creates a declaration with the attributes of a request.
    /// - Parameters:
    ///   - attributes: the attributes, by the names of `QueueAttribute`; missing and null ones get the values of `options`.
    ///   - options: the broker's options.
    /// - Throws: the answer to an invalid request.
    init(_ address: String, _ attributes: AMQPMap, _ options: BrokerOptions) throws(ManagementError) {
        self.init(address)
        for (key, value) in attributes {
            try set(try QueueDeclaration.attribute(key), value, options)
        }
        try check()
    }

    /// Changes attributes of an existing queue.
    /// - Throws: `ManagementError` if one cannot be changed or has an invalid value; then nothing is changed.
    mutating func change(_ attributes: AMQPMap, _ options: BrokerOptions) throws(ManagementError) {
        var changed = self
        for (key, value) in attributes {
            let attribute = try QueueDeclaration.attribute(key)
            let before = changed
            try changed.set(attribute, value, options)
            guard attribute.isChangeable || changed.isSame(as: before, options) else {
                throw ManagementError(
                    .notImplemented, "\(attribute.rawValue) cannot be changed: delete the queue, and create it again.")
            }
        }
        try changed.check()
        self = changed
    }

    private func isSame(as other: QueueDeclaration, _ options: BrokerOptions) -> Bool {
        isExclusive == other.isExclusive
            && (limits ?? options.queueLimits).policy == (other.limits ?? options.queueLimits).policy
    }

    private static func attribute(_ key: AMQPValue) throws(ManagementError) -> QueueAttribute {
        guard let name = key.stringValue, let attribute = QueueAttribute(rawValue: name) else {
            let all = QueueAttribute.allCases.map(\.rawValue).joined(separator: ", ")
            throw ManagementError(
                .badRequest,
                "\((key.stringValue ?? "\(key)").escapedForLog(upTo: 200)) cannot be set: what can is \(all).")
        }
        return attribute
    }

    private func check() throws(ManagementError) {
        do {
            try validate("the queue")
        } catch {
            throw ManagementError(.badRequest, (error as? ProtonError)?.message ?? "\(error)")
        }
    }

    private mutating func set(
        _ attribute: QueueAttribute, _ value: AMQPValue, _ options: BrokerOptions
    ) throws(ManagementError) {
        var limits = limits ?? options.queueLimits
        var redelivery = redelivery ?? options.redelivery
        switch attribute {
        case .maxMessages:
            limits.messages = try value.managedCount(attribute) ?? options.queueLimits.messages
            self.limits = limits
        case .maxBytes:
            limits.bytes = try value.managedCount(attribute) ?? options.queueLimits.bytes
            self.limits = limits
        case .policy:
            limits.policy = try value.managedPolicy(attribute) ?? options.queueLimits.policy
            self.limits = limits
        case .isExclusive: isExclusive = try value.managedFlag(attribute) ?? false
        case .maxDeliveries:
            redelivery.maxDeliveries = try value.managedCount(attribute)
            self.redelivery = redelivery
        case .redeliveryDelay:
            redelivery.delay = try value.managedTime(attribute) ?? options.redelivery.delay
            self.redelivery = redelivery
        case .maxRedeliveryDelay:
            redelivery.maxDelay = try value.managedTime(attribute) ?? options.redelivery.maxDelay
            self.redelivery = redelivery
        case .deadLetterAddress: deadLetterAddress = try value.managedText(attribute)
        }
    }

    // MARK: Storage

    /// The details in the store for a queue that was declared by a request.
    var details: [UInt8] {
        var attributes: AMQPMap = ["isExclusive": .boolean(isExclusive)]
        if let limits {
            attributes["maxMessages"] = .long(Int64(limits.messages))
            attributes["maxBytes"] = .long(Int64(limits.bytes))
            attributes["policy"] = .string(limits.policy.rawValue)
        }
        if let redelivery {
            attributes["maxDeliveries"] = redelivery.maxDeliveries.map { .long(Int64($0)) } ?? .null
            attributes["redeliveryDelay"] = .long(redelivery.delay.milliseconds)
            attributes["maxRedeliveryDelay"] = .long(redelivery.maxDelay.milliseconds)
        }
        if let deadLetterAddress { attributes["deadLetterAddress"] = .string(deadLetterAddress) }
        // Numbers and strings of limited size can always be encoded.
        return (try? AMQPValue.map(attributes).encoded()) ?? []
    }

    /// Decodes a declaration from the store; nil for other details.
    init?(_ address: String, details: [UInt8], _ options: BrokerOptions) {
        guard case .map(let attributes)? = try? AMQPValue(decoding: details) else { return nil }
        do throws(ManagementError) {
            try self.init(address, attributes, options)
        } catch {
            return nil
        }
    }
}

/// The value of an attribute; nil for null. Strings are converted (AMQP Management 1.0 working draft, 3.3.1.1).
extension AMQPValue {
    private func error(_ attribute: QueueAttribute, _ expected: String) -> ManagementError {
        ManagementError(
            .badRequest, "\(attribute.rawValue) is \("\(self)".escapedForLog(upTo: 200)), and no \(expected).")
    }

    fileprivate func managedCount(_ attribute: QueueAttribute) throws(ManagementError) -> Int? {
        if isNull { return nil }
        guard let count = intValue ?? stringValue.flatMap({ Int($0) }) else { throw error(attribute, "whole number") }
        return count
    }

    fileprivate func managedTime(_ attribute: QueueAttribute) throws(ManagementError) -> Duration? {
        guard let count = try managedCount(attribute) else { return nil }
        // Limited before the conversion to a duration, which has its own limits; the policy refuses longer ones.
        return .milliseconds(min(max(count, -1), 1_000_000_000_000))
    }

    fileprivate func managedFlag(_ attribute: QueueAttribute) throws(ManagementError) -> Bool? {
        if isNull { return nil }
        guard let flag = boolValue ?? stringValue.flatMap({ Bool($0) }) else { throw error(attribute, "boolean") }
        return flag
    }

    fileprivate func managedText(_ attribute: QueueAttribute) throws(ManagementError) -> String? {
        if isNull { return nil }
        guard let text = stringValue ?? symbolValue?.name else { throw error(attribute, "string") }
        return text
    }

    fileprivate func managedPolicy(_ attribute: QueueAttribute) throws(ManagementError) -> QueueLimits.Policy? {
        guard let text = try managedText(attribute) else { return nil }
        guard let policy = QueueLimits.Policy(rawValue: text) else {
            throw error(attribute, QueueLimits.Policy.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return policy
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The address for the dead letters of queues: one for all, or, with `*`, one for each queue.
struct DeadLetterAddress: Sendable, Hashable {
    private let prefix: Substring
    /// The part after the `*`; nil if there is none.
    private let suffix: Substring?

    /// - Parameter text: an address that `validate` accepts.
    init(_ text: String) {
        let parts = text.split(separator: "*", maxSplits: 1, omittingEmptySubsequences: false)
        prefix = parts[0]
        suffix = parts.count == 2 ? parts[1] : nil
    }

    /// The address for the dead letters of a queue; nil for a queue that contains dead letters itself: they are dropped there.
    func address(for queue: String) -> String? {
        guard let suffix else { return queue == prefix ? nil : String(prefix) }
        let isOwn =
            queue.utf8.count > prefix.utf8.count + suffix.utf8.count && queue.hasPrefix(prefix)
            && queue.hasSuffix(suffix)
        return isOwn ? nil : "\(prefix)\(queue)\(suffix)"
    }

    /// - Parameter name: the name of the address in errors.
    /// - Throws: `ProtonError.Code.invalidArgument` with the reason.
    static func validate(_ text: String, _ name: String) throws {
        do throws(ConditionError) {
            _ = try AddressTable.checked(text)
        } catch {
            throw ProtonError(.invalidArgument, "\(name): \(error.condition.description ?? "")")
        }
        guard text != "*" else {
            throw ProtonError(.invalidArgument, "\(name): '*' alone would be the queue itself.")
        }
        guard !ManagementNode.isAddress(text) else {
            throw ProtonError(.invalidArgument, "\(name): \(text) is the address of the management node.")
        }
        guard text.count(where: { $0 == "*" }) <= 1 else {
            throw ProtonError(.invalidArgument, "\(name): '*' may come once in '\(text)'.")
        }
    }
}

/// Why a message went to a dead-letter queue.
enum DeadLetterReason: Hashable, Sendable {
    /// A consumer rejected it, with an error if it gave one.
    case rejected(Condition?)
    /// Its deliveries failed as often as the limit allows.
    case deliveryLimit(UInt32)
    /// Its time to live has passed.
    case expired

    /// RabbitMQ's name for it.
    var name: String {
        switch self {
        case .rejected: "rejected"
        case .deliveryLimit: "delivery_limit"
        case .expired: "expired"
        }
    }

    /// Further details.
    var text: String? {
        switch self {
        case .rejected(let condition?):
            condition.description.map { "\(condition.name.name): \($0)" } ?? condition.name.name
        case .rejected(nil): nil
        case .deliveryLimit(let count): "Its delivery failed \(count) times."
        case .expired: nil
        }
    }
}

extension QueuedMessage {
    /// The annotation of a dead letter with the queue that it was in.
    private static let deadLetterSource: AnnotationKey = "x-opt-deadletter-source"

    /// Whether an encoded message is a dead letter, which does not expire.
    static func isDeadLetter(_ bytes: [UInt8]) -> Bool {
        (try? Message(decodingHeadOf: bytes))?.annotations[deadLetterSource] != nil
    }

    /// The message for a dead-letter queue, where it does not expire.
    ///
    /// Its header has the number of failed deliveries, and its annotations have its origin and the reason, under the names of
    /// RabbitMQ and Azure Service Bus.
    func deadLetter(from address: String, _ reason: DeadLetterReason) -> [UInt8] {
        guard var message = try? Message(decoding: bytes) else { return bytes }
        for (key, value) in extras?.annotations ?? Annotations() { message.annotations[key] = value }
        let (count, overflow) = message.deliveryCount.addingReportingOverflow(failures)
        message.deliveryCount = overflow ? .max : count
        message.timeToLive = nil
        for key in DeliveryTime.annotations { message.annotations[key] = nil }
        let causes: [(AnnotationKey, AMQPValue)] = [
            (QueuedMessage.deadLetterSource, .string(address)),
            ("x-last-death-queue", .string(address)), ("x-last-death-reason", .string(reason.name)),
        ]
        for (key, value) in causes { message.annotations[key] = value }
        if message.annotations["x-first-death-queue"] == nil {
            message.annotations["x-first-death-queue"] = .string(address)
            message.annotations["x-first-death-reason"] = .string(reason.name)
        }
        if let text = reason.text { message.annotations["x-opt-deadletter-description"] = .string(text) }
        return (try? message.encoded()) ?? bytes
    }
}

extension DeadLetterReason {
    /// The reason for a drop if there is no dead-letter queue.
    var dropReason: QueueEffects.DropReason {
        switch self {
        case .rejected: .rejected
        case .deliveryLimit: .deliveryLimit
        case .expired: .expired
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// Where the dead letters of queues go: one address, or one for each queue where it holds `*`.
struct DeadLetterAddress: Sendable, Hashable {
    private let prefix: Substring
    /// What follows the `*`; nil where there is none.
    private let suffix: Substring?

    /// - Parameter text: an address that `validate` takes.
    init(_ text: String) {
        let parts = text.split(separator: "*", maxSplits: 1, omittingEmptySubsequences: false)
        prefix = parts[0]
        suffix = parts.count == 2 ? parts[1] : nil
    }

    /// The address for the dead letters of a queue; nil for a queue that holds dead letters itself: those end there.
    func address(for queue: String) -> String? {
        guard let suffix else { return queue == prefix ? nil : String(prefix) }
        let isOwn =
            queue.utf8.count > prefix.utf8.count + suffix.utf8.count && queue.hasPrefix(prefix)
            && queue.hasSuffix(suffix)
        return isOwn ? nil : "\(prefix)\(queue)\(suffix)"
    }

    /// - Parameter name: what the error calls the address.
    /// - Throws: `ProtonError.Code.invalidArgument` that says what is wrong with the address.
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
    /// A consumer rejected it, with an error where it gave one.
    case rejected(Condition?)
    /// Its deliveries failed as often as they may.
    case deliveryLimit(UInt32)
    /// Its time to live was over.
    case expired

    /// The name that RabbitMQ has for it.
    var name: String {
        switch self {
        case .rejected: "rejected"
        case .deliveryLimit: "delivery_limit"
        case .expired: "expired"
        }
    }

    /// What else there is to say.
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
    /// The annotation of a dead letter that says which queue it was in.
    private static let deadLetterSource: AnnotationKey = "x-opt-deadletter-source"

    /// Whether an encoded message is a dead letter, which does not expire.
    static func isDeadLetter(_ bytes: [UInt8]) -> Bool {
        (try? Message(decodingHeadOf: bytes))?.annotations[deadLetterSource] != nil
    }

    /// The message as it goes to a dead-letter queue: with how often its delivery failed, and where it comes from and why
    /// in its annotations, by the names that RabbitMQ and Azure Service Bus use. It does not expire there.
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
    /// Why the message is dropped where there is no dead-letter queue.
    var dropReason: QueueEffects.DropReason {
        switch self {
        case .rejected: .rejected
        case .deliveryLimit: .deliveryLimit
        case .expired: .expired
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The state of a delivery at one end of a link: its progress, its outcome, or the transaction that it is part of (Messaging,
/// section 3.4).
public enum DeliveryState: Sendable, Hashable {
    /// The receiver has received the message up to this position, and the delivery can resume there.
    case received(sectionNumber: UInt32, sectionOffset: UInt64)
    /// The delivery has an outcome.
    case outcome(Outcome)
    /// The delivery belongs to a transaction; its outcome takes effect when that commits (Transactions, section 4.5.6).
    indirect case transactional(id: [UInt8], outcome: Outcome? = nil)
    /// The coordinator has declared a transaction with this identifier (Transactions, section 4.5.5).
    case declared(id: [UInt8])
    /// Any other state: the code of its descriptor, and its fields.
    case custom(code: UInt64, fields: [AMQPValue])

    /// The outcome, or nil if there is none; see ``Outcome``.
    public var outcome: Outcome? {
        if case .outcome(let outcome) = self { outcome } else { nil }
    }

    /// The outcome `accepted`.
    public static let accepted = DeliveryState.outcome(.accepted)

    /// The outcome `released`.
    public static let released = DeliveryState.outcome(.released)

    /// The outcome `rejected`, with an optional condition.
    public static func rejected(_ condition: Condition? = nil) -> DeliveryState { .outcome(.rejected(condition)) }

    /// The outcome `modified`; see ``Outcome/modified(deliveryFailed:undeliverableHere:annotations:)``.
    public static func modified(
        deliveryFailed: Bool = false, undeliverableHere: Bool = false, annotations: Annotations = Annotations()
    ) -> DeliveryState {
        .outcome(
            .modified(
                deliveryFailed: deliveryFailed, undeliverableHere: undeliverableHere, annotations: annotations))
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What one side says of a delivery: how far it has come, how it ended, or what transaction it is part of
/// (Messaging, section 3.4).
public enum DeliveryState: Sendable, Hashable {
    /// The receiver has that much of the message, and the delivery can go on from there.
    case received(sectionNumber: UInt32, sectionOffset: UInt64)
    /// The delivery ended.
    case outcome(Outcome)
    /// The delivery belongs to a transaction; an outcome holds once that commits (Transactions, section 4.5.6).
    indirect case transactional(id: [UInt8], outcome: Outcome? = nil)
    /// A coordinator has begun a transaction, and names it (Transactions, section 4.5.5).
    case declared(id: [UInt8])
    /// A state that has no name here: the code of its descriptor, and its fields.
    case custom(code: UInt64, fields: [AMQPValue])

    /// The outcome, or nil while there is none.
    public var outcome: Outcome? {
        if case .outcome(let outcome) = self { outcome } else { nil }
    }

    /// The delivery ended: accepted.
    public static let accepted = DeliveryState.outcome(.accepted)

    /// The delivery ended: released.
    public static let released = DeliveryState.outcome(.released)

    /// The delivery ended: rejected for a reason.
    public static func rejected(_ condition: Condition? = nil) -> DeliveryState { .outcome(.rejected(condition)) }

    /// The delivery ended: modified, see ``Outcome/modified(deliveryFailed:undeliverableHere:annotations:)``.
    public static func modified(
        deliveryFailed: Bool = false, undeliverableHere: Bool = false, annotations: Annotations = Annotations()
    ) -> DeliveryState {
        .outcome(
            .modified(
                deliveryFailed: deliveryFailed, undeliverableHere: undeliverableHere, annotations: annotations))
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The outcome of a delivery (Messaging, section 3.4).
public enum Outcome: Sendable, Hashable {
    /// The receiver has accepted the message and is now responsible for it.
    case accepted
    /// The message is invalid and cannot be processed, for the given reason.
    case rejected(Condition?)
    /// The message was not and will not be processed by this receiver; the sender may deliver it again unchanged.
    case released
    /// The message was not processed, and is modified.
    ///
    /// - Parameters:
    ///   - deliveryFailed: whether the delivery counts as a failed attempt.
    ///   - undeliverableHere: whether the message must not be delivered to this receiver again.
    ///   - annotations: annotations to merge into those of the message.
    case modified(
        deliveryFailed: Bool = false, undeliverableHere: Bool = false, annotations: Annotations = Annotations())

    /// Rejected without a reason.
    public static let rejected = Outcome.rejected(nil)

    /// Modified as a failed attempt, which is the default of Python's `release()`.
    public static let failed = Outcome.modified(deliveryFailed: true)
}

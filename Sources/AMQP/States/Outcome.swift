// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// How a delivery ended (Messaging, section 3.4).
public enum Outcome: Sendable, Hashable {
    /// The receiver has it, and answers for it from now on.
    case accepted
    /// The message is invalid and can never be processed, for the reason given.
    case rejected(Condition?)
    /// The message was not processed, and will not be; it may go to another receiver as it is.
    case released
    /// As released, with changes to the message.
    ///
    /// - Parameters:
    ///   - deliveryFailed: whether this counts as an attempt that failed.
    ///   - undeliverableHere: whether the message must not come to this receiver again.
    ///   - annotations: annotations to merge into those of the message.
    case modified(
        deliveryFailed: Bool = false, undeliverableHere: Bool = false, annotations: Annotations = Annotations())

    /// Rejected without a reason.
    public static let rejected = Outcome.rejected(nil)

    /// Modified: an attempt that failed, which Python's `release()` says by default.
    public static let failed = Outcome.modified(deliveryFailed: true)
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// Outcomes for a received message.
extension Delivery {
    /// Accepts the message and settles it.
    public func accept() { settle(.accepted) }

    /// Rejects the message, with a condition if one is given, and settles it.
    public func reject(_ condition: Condition? = nil) { settle(.rejected(condition)) }

    /// Releases the message, and settles it.
    /// - Parameter delivered: whether this counts as a failed delivery (modified), or not (released).
    public func release(delivered: Bool = true) {
        settle(
            delivered ? .modified(deliveryFailed: true, undeliverableHere: false, annotations: [:]) : .released)
    }

    // MARK: Thrown by `onMessage`

    /// Thrown by `onMessage`: the message is rejected, with a condition if one is given.
    public struct Reject: Error, Sendable {
        /// The reason, for the sender.
        public let condition: Condition?

        /// Creates the error.
        public init(_ condition: Condition? = nil) { self.condition = condition }
    }

    /// Thrown by `onMessage`: the message is returned to the sender with a failed delivery (modified).
    public struct Release: Error, Sendable {
        /// Creates the error.
        public init() {}
    }
}

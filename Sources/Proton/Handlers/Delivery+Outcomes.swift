// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// What a program says of a message that has come.
extension Delivery {
    /// Accepts the message and settles it.
    public func accept() { settle(.accepted) }

    /// Rejects the message, with a condition where one is given, and settles it.
    public func reject(_ condition: Condition? = nil) { settle(.rejected(condition)) }

    /// Gives the message back to its source, and settles it.
    /// - Parameter delivered: whether this counts as a try to deliver it (modified), or not (released).
    public func release(delivered: Bool = true) {
        settle(
            delivered ? .modified(deliveryFailed: true, undeliverableHere: false, annotations: [:]) : .released)
    }

    // MARK: Thrown by `onMessage`

    /// Thrown by `onMessage`: the message is rejected, with a condition where one is given.
    public struct Reject: Error, Sendable {
        /// Why, for the sender.
        public let condition: Condition?

        /// Creates the error.
        public init(_ condition: Condition? = nil) { self.condition = condition }
    }

    /// Thrown by `onMessage`: the message goes back to its source as one that could not be delivered here (modified).
    public struct Release: Error, Sendable {
        /// Creates the error.
        public init() {}
    }
}

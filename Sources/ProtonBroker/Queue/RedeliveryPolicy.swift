// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The number and the delays of further deliveries after failed ones.
///
/// A delivery has failed if the header's `delivery-count` has to be incremented: the consumer settled it as `modified` with
/// `delivery-failed`, or its link ended before it settled the message (AMQP 1.0, sections 3.2.1 and 3.4.5). A released message is
/// not counted.
public struct RedeliveryPolicy: Sendable, Hashable {
    /// The maximum number of failed deliveries of a message: at least 1; nil, the default, is no limit.
    ///
    /// After that, the message goes to the dead-letter address; without one it is dropped and counted.
    public var maxDeliveries: Int?
    /// The delay after the third failed delivery; zero is none. From zero to a day, by default 100 ms.
    ///
    /// The first two redeliveries are immediate. The delay doubles with each further failure, up to `maxDelay`.
    public var delay: Duration
    /// The maximum delay: from `delay` to a day, by default 10 seconds.
    public var maxDelay: Duration

    /// Creates a policy.
    public init(
        maxDeliveries: Int? = nil, delay: Duration = .milliseconds(100), maxDelay: Duration = .seconds(10)
    ) {
        self.maxDeliveries = maxDeliveries
        self.delay = delay
        self.maxDelay = maxDelay
    }

    /// How many failed deliveries are followed by an immediate redelivery.
    private static let immediateRedeliveries = 2

    /// What to do with a message.
    enum Decision: Hashable {
        /// It is delivered again after a delay; zero is at once.
        case deliver(after: Duration)
        /// It goes to the dead-letter address.
        case deadLetter
    }

    /// The decision about a message whose last delivery failed.
    /// - Parameter failures: the number of failed deliveries, including this one: its new `delivery-count`.
    func decision(afterFailures failures: UInt32) -> Decision {
        if let maxDeliveries, failures >= maxDeliveries { return .deadLetter }
        let counted = Int(failures) - RedeliveryPolicy.immediateRedeliveries
        guard counted > 0, delay > .zero else { return .deliver(after: .zero) }
        var wait = delay
        for _ in 1..<min(counted, 64) where wait < maxDelay { wait *= 2 }
        return .deliver(after: min(wait, maxDelay))
    }

    /// - Parameter name: the name of the policy in errors.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the invalid value.
    func validate(_ name: String) throws {
        if let maxDeliveries, maxDeliveries < 1 {
            throw ProtonError(
                .invalidArgument, "\(name).maxDeliveries is \(maxDeliveries): it must be at least 1.")
        }
        guard delay >= .zero, delay <= .seconds(86_400) else {
            throw ProtonError(.invalidArgument, "\(name).delay is \(delay): it must be from zero to a day.")
        }
        guard maxDelay >= delay, maxDelay <= .seconds(86_400) else {
            throw ProtonError(
                .invalidArgument, "\(name).maxDelay is \(maxDelay): it must be from the delay to a day.")
        }
    }
}

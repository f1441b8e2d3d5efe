// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// How often, and how soon, a message is delivered again after a delivery that failed.
///
/// A delivery failed when its header's `delivery-count` has to go up: the consumer said `modified` with `delivery-failed`,
/// or its link ended before it settled the message (AMQP 1.0, sections 3.2.1 and 3.4.5). A message that is released is not
/// counted.
public struct RedeliveryPolicy: Sendable, Hashable {
    /// How many deliveries of a message may fail: at least 1; nil, the default, is any number.
    ///
    /// A message whose delivery failed so often goes to the dead-letter address, or is dropped and counted where there is
    /// none.
    public var maxDeliveries: Int?
    /// How long a message waits after its third failed delivery; zero is no wait. From zero to a day, by default 100 ms.
    ///
    /// The first two redeliveries are immediate. The wait doubles with each further failure, up to `maxDelay`.
    public var delay: Duration
    /// The longest wait for a redelivery: from `delay` to a day, by default 10 seconds.
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

    /// What happens to a message.
    enum Decision: Hashable {
        /// It is delivered again once the time has passed; zero is at once.
        case deliver(after: Duration)
        /// It goes to the dead-letter address.
        case deadLetter
    }

    /// What happens to a message whose last delivery failed.
    /// - Parameter failures: how many deliveries have failed, with this one: its new `delivery-count`.
    func decision(afterFailures failures: UInt32) -> Decision {
        if let maxDeliveries, failures >= maxDeliveries { return .deadLetter }
        let counted = Int(failures) - RedeliveryPolicy.immediateRedeliveries
        guard counted > 0, delay > .zero else { return .deliver(after: .zero) }
        var wait = delay
        for _ in 1..<min(counted, 64) where wait < maxDelay { wait *= 2 }
        return .deliver(after: min(wait, maxDelay))
    }

    /// - Parameter name: what the error calls the policy.
    /// - Throws: `ProtonError.Code.invalidArgument` that names what makes no sense.
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

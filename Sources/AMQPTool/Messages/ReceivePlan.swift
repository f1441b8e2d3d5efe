// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import Proton

/// Which messages a command takes from an address, and when it has all of them.
package struct ReceivePlan: Sendable {
    /// How many messages may be kept without being settled.
    package static let maxUnsettled = 1_000
    /// How much credit is given at a time.
    static let batch = 100

    package var address: String
    /// How many messages at most; nil is no limit.
    package var limit: Int?
    /// Whether those that wait at the node are all.
    package var endsWhenDrained: Bool
    /// How long no message may come before it counts as the end; nil is for ever.
    package var idle: Duration?
    /// Whether messages stay where they are.
    package var browses: Bool
    package var selector: String?

    package init(
        address: String, limit: Int? = nil, endsWhenDrained: Bool = false, idle: Duration? = nil, browses: Bool = false,
        selector: String? = nil
    ) {
        (self.address, self.limit, self.endsWhenDrained) = (address, limit, endsWhenDrained)
        (self.idle, self.browses, self.selector) = (idle, browses, selector)
    }

    /// Attaches a receiver, and runs the body with its messages.
    /// - Throws: what the body throws; `ProtonError.Code.linkError` where the peer refuses the link.
    package func withMessages<Result: Sendable>(
        on connection: AMQPConnection, _ body: @Sendable (ReceivedMessages) async throws -> Result
    ) async throws -> Result {
        var options: [LinkOption] = browses ? [.copy] : []
        if let selector { options.append(.selector(selector)) }
        // Credit is given in numbers: a broker that is sent back what was too much may count that as a failed delivery.
        return try await connection.withReceiver(from: address, window: 0, options: options) { receiver in
            if browses { try Browsing.check(receiver, connection.peer) }
            return try await body(ReceivedMessages(receiver, self))
        }
    }
}

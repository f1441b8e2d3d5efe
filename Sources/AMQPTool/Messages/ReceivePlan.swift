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
        let messages = ReceivedMessages(self, connection)
        let events = connection.events
        let watch = Task {
            for await event in events {
                if case .interrupted = event { await messages.endReceiver() }
            }
        }
        defer { watch.cancel() }
        do {
            try await messages.attach()
            let result = try await body(messages)
            await messages.close()
            return result
        } catch {
            await messages.close()
            throw error
        }
    }

    /// Attaches a receiver.
    /// - Throws: `ProtonError.Code.linkError` where the peer refuses the link; `ToolError` where it does not browse.
    func attach(on connection: AMQPConnection) async throws -> AMQPReceiver {
        // What the peer settles as it sends it could not be given back.
        var options: [LinkOption] = [.senderSettleMode(.unsettled)] + (browses ? [.copy] : [])
        if let selector { options.append(.selector(selector)) }
        // Credit is given in numbers: a broker that is sent back what was too much may count that as a failed delivery.
        let receiver = connection.receiver(from: address, window: 0, options: options)
        do {
            try await receiver.attach()
            if browses { try Browsing.check(receiver, connection.peer) }
            return receiver
        } catch {
            await receiver.close()
            throw error
        }
    }
}

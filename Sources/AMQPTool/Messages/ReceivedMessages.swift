// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import Proton

/// The messages of a `ReceivePlan`, one after the other; for one task.
package final class ReceivedMessages: Sendable {
    /// How long a peer that does not answer a drain may send nothing before its node counts as empty.
    static let quietTime = Duration.seconds(2)

    private enum Phase {
        /// Messages come as they are sent.
        case open
        /// The peer was asked for what it has, with this much credit.
        case draining(credit: Int)
        /// The peer does not answer: what comes within the quiet time counts.
        case listening
        case ended
    }

    private struct State {
        var phase = Phase.open
        /// How many were handed out.
        var received = 0
        /// How many were handed out since credit was last given for a drain.
        var sinceDrain = 0
        /// How much credit has been given.
        var granted = 0
    }

    private let receiver: AMQPReceiver
    private let plan: ReceivePlan
    private let state: Guarded<State>

    init(_ receiver: AMQPReceiver, _ plan: ReceivePlan) {
        (self.receiver, self.plan) = (receiver, plan)
        state = Guarded(State())
    }

    /// The next message; nil behind the last, and where the task is cancelled.
    ///
    /// A message that is not valid AMQP is rejected, and told on standard error.
    /// - Throws: what ended the link.
    package func next() async throws -> AMQPDelivery? {
        while true {
            do {
                guard let delivery = try await nextValid() else { return nil }
                state.use {
                    $0.received += 1
                    $0.sinceDrain += 1
                }
                return delivery
            } catch let error as ProtonError where error.code == .protocolViolation {
                StandardError.write("warning: \(error.message)")
                state.use { $0.sinceDrain += 1 }
            }
        }
    }

    private var remaining: Int { max(0, (plan.limit ?? .max) - state.use { $0.received }) }

    private func nextValid() async throws -> AMQPDelivery? {
        guard remaining > 0 else { return nil }
        return plan.endsWhenDrained ? try await nextOfDrain() : try await nextAsSent()
    }

    // MARK: As they are sent

    private func nextAsSent() async throws -> AMQPDelivery? {
        let credit = state.use { state -> Int in
            let ahead = state.granted - state.received
            let wanted = min(ReceivePlan.batch, remaining(state))
            // Half a batch at a time: a frame for each message would cost more than the message.
            guard ahead <= wanted / 2, wanted > ahead else { return 0 }
            state.granted += wanted - ahead
            return wanted - ahead
        }
        if credit > 0 { try receiver.grant(credit) }
        guard let idle = plan.idle else { return try await receiver.next() }
        return try await receiver.next(within: idle)
    }

    private func remaining(_ state: State) -> Int { max(0, (plan.limit ?? .max) - state.received) }

    // MARK: Those that wait at the node

    private func nextOfDrain() async throws -> AMQPDelivery? {
        while !Task.isCancelled {
            if receiver.waitingCount > 0 { return try await receiver.next() }
            switch state.use({ $0.phase }) {
            case .ended: return nil
            case .open: try await drain()
            case .draining(let credit):
                // All credit was used: there may be more. Otherwise the node had no more.
                guard state.use({ $0.sinceDrain }) >= credit else {
                    state.use { $0.phase = .ended }
                    return nil
                }
                try await drain()
            case .listening: return try await nextWithinQuietTime()
            }
        }
        return nil
    }

    /// Asks the peer for what it has, and waits until it has sent that.
    private func drain() async throws {
        let credit = min(ReceivePlan.batch, remaining)
        state.use {
            $0.sinceDrain = 0
            $0.granted += credit
            $0.phase = .draining(credit: credit)
        }
        try receiver.grant(credit)
        do {
            let receiver = receiver
            try await within(plan.idle ?? ReceivedMessages.quietTime, "for the answer to a drain") {
                try await receiver.drain()
            }
        } catch let error as ToolError where error.exit == .timedOut {
            // Proton's example brokers do not answer, for one.
            let isEmpty = receiver.waitingCount == 0
            state.use { $0.phase = isEmpty ? .ended : .listening }
        }
    }

    private func nextWithinQuietTime() async throws -> AMQPDelivery? {
        let hasCredit = state.use { $0.granted > $0.received }
        if !hasCredit {
            let credit = min(ReceivePlan.batch, remaining)
            state.use { $0.granted += credit }
            try receiver.grant(credit)
        }
        return try await receiver.next(within: plan.idle ?? ReceivedMessages.quietTime)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import DequeModule
import Proton

/// Takes messages from one address to another, so that none is lost: each is settled at its source once the target has accepted
/// it, and goes back where it has not.
///
/// Where the outcome at the target is in doubt the message goes back too: it may be at both.
struct Transfer {
    /// How many messages may be on their way.
    private static let maxWaiting = 100

    private struct OnItsWay {
        let delivery: AMQPDelivery
        let receipt: SendReceipt
    }

    private let target: AMQPSender
    private let timeout: Duration
    private var waiting = Deque<OnItsWay>()
    private(set) var tally = SendTally()

    init(to target: AMQPSender, timeout: Duration) { (self.target, self.timeout) = (target, timeout) }

    /// Sends a message on.
    /// - Throws: `ToolError` with what became of all, where the target does not accept one.
    mutating func send(_ delivery: AMQPDelivery) async throws {
        if waiting.count >= Transfer.maxWaiting { try await settleOldest() }
        do {
            let (target, message) = (target, Transfer.forwarded(delivery.message))
            let receipt = try await within(timeout, "for credit from the target") {
                try await target.submit(message)
            }
            waiting.append(OnItsWay(delivery: delivery, receipt: receipt))
        } catch {
            delivery.release()
            tally.add(error)
            await giveUp()
            throw tally.failure ?? error
        }
    }

    /// Waits until all that is on its way is settled.
    /// - Throws: as `send`.
    mutating func finish() async throws {
        while !waiting.isEmpty { try await settleOldest() }
    }

    private mutating func settleOldest() async throws {
        guard let oldest = waiting.popFirst() else { return }
        let outcome: Outcome
        do {
            outcome = try await within(timeout, "for the outcome at the target") { try await oldest.receipt.outcome }
        } catch {
            tally.giveUp(error)
            waiting.prepend(oldest)
            await giveUp()
            throw tally.failure ?? error
        }
        settle(oldest.delivery, outcome)
        guard case .accepted = outcome else {
            await giveUp()
            throw tally.failure ?? AMQPSendError.refused(outcome)
        }
    }

    private mutating func settle(_ delivery: AMQPDelivery, _ outcome: Outcome) {
        tally.add(outcome)
        if case .accepted = outcome { delivery.accept() } else { delivery.release() }
    }

    /// Takes back what was not sent, and settles the rest by the outcomes that come within a second.
    mutating func giveUp() async {
        let rest = Array(waiting)
        waiting = []
        let outcomes = await SendReceipt.finalOutcomes(of: rest.map(\.receipt))
        for (message, outcome) in zip(rest, outcomes) {
            switch outcome {
            case .success(let outcome): settle(message.delivery, outcome)
            case .failure(let error):
                message.delivery.release()
                tally.add(error)
            }
        }
    }

    /// The message as it goes on: what was said for the node that it comes from is left out.
    static func forwarded(_ message: Message) -> Message {
        guard message.deliveryCount != 0 || !message.deliveryAnnotations.isEmpty else { return message }
        var message = message
        message.deliveryCount = 0
        message.deliveryAnnotations = Annotations()
        return message
    }
}

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
        if waiting.count >= Transfer.maxWaiting { try await settle(Transfer.maxWaiting / 2) }
        do {
            let receipt = try await target.submit(Transfer.forwarded(delivery.message), within: timeout)
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
        while !waiting.isEmpty { try await settle(waiting.count) }
    }

    /// Settles the oldest messages by their outcomes at the target.
    private mutating func settle(_ number: Int) async throws {
        let oldest = Array(waiting.prefix(number))
        let outcomes: [Outcome]
        do {
            outcomes = try await SendReceipt.outcomes(of: oldest.map(\.receipt), within: timeout)
        } catch {
            tally.giveUp(error)
            await giveUp()
            throw tally.failure ?? error
        }
        waiting.removeFirst(number)
        for (message, outcome) in zip(oldest, outcomes) { settle(message.delivery, outcome) }
        if let failure = tally.failure {
            await giveUp()
            throw tally.failure ?? failure
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

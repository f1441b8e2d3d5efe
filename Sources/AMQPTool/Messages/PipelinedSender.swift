// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import AMQP
import DequeModule
package import Proton

/// Sends messages without waiting for each one's outcome, and counts the outcomes.
package struct PipelinedSender {
    /// How many messages may wait for their outcome.
    private static let maxWaiting = 1_000

    private let sender: AMQPSender
    /// How long credit, and the outcomes of the oldest messages, may take.
    private let timeout: Duration
    private var waiting = Deque<SendReceipt>()
    package private(set) var tally = SendTally()

    package init(_ sender: AMQPSender, timeout: Duration) { (self.sender, self.timeout) = (sender, timeout) }

    /// Hands a message over, once there is room for it.
    /// - Throws: `ToolError` with what became of all, where nothing more can be sent.
    package mutating func send(_ message: Message) async throws {
        if waiting.count >= PipelinedSender.maxWaiting { try await count(PipelinedSender.maxWaiting / 2) }
        do {
            waiting.append(try await sender.submit(message, within: timeout))
        } catch {
            tally.add(error)
            await giveUp()
            throw tally.failure ?? error
        }
    }

    /// Waits until all messages have their outcomes.
    /// - Throws: `ToolError` where one has none in time.
    package mutating func finish() async throws {
        while !waiting.isEmpty { try await count(waiting.count) }
    }

    /// Counts the outcomes of the oldest messages.
    private mutating func count(_ number: Int) async throws {
        do {
            for outcome in try await SendReceipt.outcomes(of: Array(waiting.prefix(number)), within: timeout) {
                tally.add(outcome)
            }
            waiting.removeFirst(number)
        } catch {
            tally.giveUp(error)
            await giveUp()
            throw tally.failure ?? error
        }
    }

    /// Takes back what was not sent, and counts the outcomes that come within a second.
    package mutating func giveUp() async {
        let receipts = Array(waiting)
        waiting = []
        for outcome in await SendReceipt.finalOutcomes(of: receipts) {
            switch outcome {
            case .success(let outcome): tally.add(outcome)
            case .failure(let error): tally.add(error)
            }
        }
    }
}

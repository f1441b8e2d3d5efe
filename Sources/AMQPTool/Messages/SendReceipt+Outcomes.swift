// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton

extension AMQPSender {
    /// Hands a message over, and waits for room for it for some time.
    /// - Throws: `AMQPSendError.notSent`; `ToolError` of `ToolExit.timedOut`.
    func submit(_ message: Message, within time: Duration) async throws -> SendReceipt {
        // Mostly there is room, and nothing to wait for.
        if let receipt = try trySend(message) { return receipt }
        return try await AMQPTool.within(time, "for credit from the broker") { try await self.submit(message) }
    }
}

extension SendReceipt {
    /// Waits for the outcomes of several messages for some time.
    /// - Throws: `AMQPSendError` of the first that has none; `ToolError` of `ToolExit.timedOut`.
    static func outcomes(of receipts: [SendReceipt], within time: Duration) async throws -> [Outcome] {
        try await AMQPTool.within(time, "for the outcome of a message") {
            var outcomes: [Outcome] = []
            for receipt in receipts { outcomes.append(try await receipt.outcome) }
            return outcomes
        }
    }

    /// Takes back those that were not sent, and waits a second for the outcomes of the others, also in a task that is cancelled.
    static func finalOutcomes(of receipts: [SendReceipt]) async -> [Result<Outcome, any Error>] {
        for receipt in receipts { receipt.cancel() }
        // A task of its own: a cancelled one would wait for nothing.
        return await Task {
            let end = ContinuousClock.now + .seconds(1)
            var outcomes: [Result<Outcome, any Error>] = []
            for receipt in receipts {
                do {
                    let rest = max(.milliseconds(1), end - .now)
                    outcomes.append(.success(try await within(rest, "") { try await receipt.outcome }))
                } catch is ToolError {
                    outcomes.append(.failure(AMQPSendError.inDoubt(CancellationError())))
                } catch {
                    outcomes.append(.failure(error))
                }
            }
            return outcomes
        }.value
    }
}

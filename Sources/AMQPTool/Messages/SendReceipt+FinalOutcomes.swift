// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension SendReceipt {
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

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension BrokerContext {
    /// Waits until the broker's status meets a condition; it is checked after each change.
    /// - Throws: `ProtonError.Code.timedOut` if it is not met in time; `CancellationError`.
    func wait(
        atMost limit: Duration, until condition: @escaping @Sendable (BrokerStatus) -> Bool
    ) async throws -> BrokerStatus {
        try await withThrowingTaskGroup(of: BrokerStatus?.self) { group in
            group.addTask {
                for await _ in self.changes.watch() {
                    let status = self.status
                    if condition(status) { return status }
                }
                return nil
            }
            group.addTask {
                // The time limit of the wait for a change.
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let status = first else {
                try Task.checkCancellation()
                throw ProtonError(
                    .timedOut, "The broker did not come into the state that was waited for within \(limit).")
            }
            return status
        }
    }
}

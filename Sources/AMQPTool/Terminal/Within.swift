// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Runs work, which is cancelled where it takes longer than a time.
/// - Parameter what: what is waited for, in an error: `for a response`.
/// - Throws: what the work throws; `ToolError` of `ToolExit.timedOut`.
package func within<Result: Sendable>(
    _ time: Duration, _ what: String, _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            try await Task.sleep(for: time)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let result = first else {
            throw ToolError(.timedOut, "Waited \(time) \(what).")
        }
        return result
    }
}

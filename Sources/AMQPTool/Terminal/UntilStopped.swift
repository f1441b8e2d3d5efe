// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonUtilities

/// Runs work in a task of its own, which the first SIGINT or SIGTERM cancels; the second ends the process at once.
///
/// The task that calls this is not cancelled, so that what it closes afterwards is closed in full.
/// - Throws: what the work throws; `ToolError` of `ToolExit.interrupted` where that is since a signal came.
package func untilStopped<Result: Sendable>(
    _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    let task = Task { try await work() }
    let watch = SignalWatch(first: [SIGINT, SIGTERM]) { task.cancel() }
    defer { watch.cancel() }
    do {
        return try await task.value
    } catch {
        // What waited was told that its task is cancelled. What the work says itself of that counts.
        if task.isCancelled, !(error is ToolError) { throw ToolError(.interrupted, "Stopped before the end.") }
        throw error
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonUtilities

/// Runs work in a task of its own, which the first SIGINT or SIGTERM cancels; the second ends the process.
///
/// The task that calls this is not cancelled, so that what it closes afterwards is closed in full.
/// - Returns: what the work returns; nil where it was cancelled and did not get that far.
/// - Throws: what the work throws, but not where a signal has cancelled it.
@discardableResult
package func untilStopped<Result: Sendable>(
    _ work: @escaping @Sendable () async throws -> Result
) async throws -> Result? {
    let task = Task { try await work() }
    let watch = SignalWatch(first: [SIGINT, SIGTERM]) { task.cancel() }
    defer { watch.cancel() }
    do {
        return try await task.value
    } catch {
        // What waited was told that its task is cancelled; that is no failure.
        if task.isCancelled { return nil }
        throw error
    }
}

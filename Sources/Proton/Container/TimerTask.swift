// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A timer of a container; created by `Container.schedule`.
public struct TimerTask: Sendable {
    let id: TimerQueue.ID
    // Weak, since the loop keeps the actions of its timers, which may keep these values.
    weak var loop: Loop?

    /// Cancels the timer, if it has not fired yet; from any thread.
    /// - Returns: whether it was pending.
    @discardableResult
    public func cancel() -> Bool {
        loop?.cancel(id) ?? false
    }
}

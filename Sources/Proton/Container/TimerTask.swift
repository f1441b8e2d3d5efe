// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Something that a container does later; made by `Container.schedule`.
public struct TimerTask: Sendable {
    let id: TimerQueue.ID
    // Weak, since the loop keeps the actions of its timers, which may keep these.
    weak var loop: Loop?

    /// Takes it back, where it has not happened yet; from any thread.
    /// - Returns: whether it was still to happen.
    @discardableResult
    public func cancel() -> Bool {
        loop?.cancel(id) ?? false
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

extension Container {
    /// The time by the container's clock, from any thread that may use the container.
    ///
    /// It is the system's continuous clock where the container was given no other one. In what a timer calls, a clock
    /// that is turned shows the time that this timer was set for.
    public var now: ContinuousClock.Instant { loop.now }

    /// Calls `onTimerTask` of a handler later; the container runs at least until then.
    ///
    /// What the callback throws comes out of `run()`. With several threads only the handler of `run(threads:handler:)` has
    /// timers; for others `run()` ends with `ProtonError.Code.invalidArgument`.
    @discardableResult
    public func schedule(after delay: Duration, _ handler: any ProtonHandler) -> TimerTask {
        let holder = UncheckedMutex<TimerTask?>(nil)
        let timer = addTimer(after: delay, for: handler) { [core] in
            guard let timer = holder.withLock({ $0 }) else { return }
            try handler.onTimerTask(TimerEvent(container: core.container, timer: timer))
        }
        holder.withLock { $0 = timer }
        return timer
    }

    /// Calls a closure later; the container runs at least until then. What it throws comes out of `run()`.
    ///
    /// It is for containers with one thread: with several `run()` ends with `ProtonError.Code.invalidArgument`. There the
    /// closure is `Sendable`, and is given the container: `schedule(after: .seconds(1)) { container in … }`.
    @discardableResult
    public func schedule(after delay: Duration, _ body: @escaping () throws -> Void) -> TimerTask {
        addTimer(after: delay, for: nil, body)
    }

    /// Calls a closure later, with the container, on any of its threads; the container runs at least until then.
    ///
    /// What it throws comes out of `run()`.
    @discardableResult
    public func schedule(
        after delay: Duration, _ body: @escaping @Sendable (Container) throws -> Void
    ) -> TimerTask {
        TimerTask(
            id: loop.schedule(after: delay, keepsRunning: true) { [core] in try body(core.container) }, loop: loop)
    }

    private func addTimer(
        after delay: Duration, for handler: (any ProtonHandler)?, _ body: @escaping () throws -> Void
    ) -> TimerTask {
        do {
            try requireOneThread(for: handler, "use schedule(after:) { container in … }")
        } catch {
            // Like an error of the callback that this is called in: `try` at every timer would be for this one misuse.
            loop.fail(error)
            return TimerTask(id: 0, loop: nil)
        }
        return TimerTask(id: loop.schedule(after: delay, keepsRunning: true, body), loop: loop)
    }
}

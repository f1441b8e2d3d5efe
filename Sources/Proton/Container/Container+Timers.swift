// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

extension Container {
    /// The current time of the container's clock, from any thread that may use the container.
    ///
    /// It is the system's continuous clock unless the container has another one. In a timer's callback, a clock that a test
    /// controls shows the time for which the timer was set.
    public var now: ContinuousClock.Instant { loop.now }

    /// Calls `onTimerTask` of a handler later; the container runs at least until then.
    ///
    /// `run()` throws the errors of the callback. With several threads only the handler of `run(threads:handler:)` can have
    /// timers; with others `run()` ends with `ProtonError.Code.invalidArgument`.
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

    /// Calls a closure later; the container runs at least until then. `run()` throws its errors.
    ///
    /// It is for containers with one thread: with several, `run()` ends with `ProtonError.Code.invalidArgument`. For those there
    /// is the `Sendable` closure with the container as argument: `schedule(after: .seconds(1)) { container in … }`.
    @discardableResult
    public func schedule(after delay: Duration, _ body: @escaping () throws -> Void) -> TimerTask {
        addTimer(after: delay, for: nil, body)
    }

    /// Calls a closure later, with the container, on any of its threads; the container runs at least until then.
    ///
    /// `run()` throws its errors.
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
            // Fails like the callback that calls this: a `try` at every timer would be needed only for this misuse.
            loop.fail(error)
            return TimerTask(id: 0, loop: nil)
        }
        return TimerTask(id: loop.schedule(after: delay, keepsRunning: true, body), loop: loop)
    }
}

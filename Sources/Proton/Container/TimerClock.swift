// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonEngine
import ProtonUtilities

/// The clock of a loop's timers: the system's, or one that the program controls.
///
/// A clock that the program controls may jump over the times of many timers. Each timer's action then sees the time for which it
/// was set, so that the timers that it sets also fire in order.
final class TimerClock: Sendable {
    private let clock: (any ContainerClock)?
    /// The thread that runs a timer's action, and the time of that timer; only for a clock that the program controls.
    private let running = UncheckedMutex<(thread: UInt, time: ContinuousClock.Instant)?>(nil)

    /// - Parameter clock: nil is the system's clock.
    init(_ clock: (any ContainerClock)?) {
        self.clock = clock
    }

    /// Registers a function that is called when the program changes the time, until it returns false.
    func whenChanged(_ tell: @escaping @Sendable () -> Bool) {
        clock?.whenChanged(tell)
    }

    /// The current time; in a timer's action that timer's own time, if the program controls the clock.
    var now: ContinuousClock.Instant {
        guard let clock else { return .now }
        if let (thread, time) = running.withLock({ $0 }), thread == UInt(pthread_self()) { return time }
        return clock.now
    }

    /// How long the proactor has to wait for a deadline; nil if a change of the clock wakes it.
    func delay(until deadline: ContinuousClock.Instant) -> Duration? {
        let delay = now.duration(to: deadline)
        return clock == nil || delay <= .zero ? max(.zero, delay) : nil
    }

    /// Runs the action of a due timer.
    func run(_ due: TimerQueue.Due) throws {
        guard clock != nil else { return try due.action() }
        running.withLock { $0 = (UInt(pthread_self()), due.deadline) }
        defer { running.withLock { $0 = nil } }
        try due.action()
    }
}

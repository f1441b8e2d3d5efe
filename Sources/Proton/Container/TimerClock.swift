// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonEngine
import ProtonUtilities

/// The time as a loop's timers see it: that of the system, or of a clock that somebody turns.
///
/// A clock that is turned leaps over the times of many timers. Each timer's action then sees the time that it was set
/// for, so that what it schedules next comes in its order too.
final class TimerClock: Sendable {
    private let clock: (any ContainerClock)?
    /// The thread that runs a timer's action, and the time of that timer; of a clock that is turned.
    private let running = UncheckedMutex<(thread: UInt, time: ContinuousClock.Instant)?>(nil)

    /// - Parameter clock: nil is the system's.
    init(_ clock: (any ContainerClock)?) {
        self.clock = clock
    }

    /// Has a loop told when the clock is turned, until it returns false.
    func whenTurned(_ tell: @escaping @Sendable () -> Bool) {
        clock?.whenChanged(tell)
    }

    /// The time; in a timer's action that timer's own, where the clock is turned.
    var now: ContinuousClock.Instant {
        guard let clock else { return .now }
        if let (thread, time) = running.withLock({ $0 }), thread == UInt(pthread_self()) { return time }
        return clock.now
    }

    /// How long the proactor has to wait for a deadline; nil where it will be told.
    func delay(until deadline: ContinuousClock.Instant) -> Duration? {
        let delay = now.duration(to: deadline)
        return clock == nil || delay <= .zero ? max(.zero, delay) : nil
    }

    /// Runs the action of a timer that is due.
    func run(_ due: TimerQueue.Due) throws {
        guard clock != nil else { return try due.action() }
        running.withLock { $0 = (UInt(pthread_self()), due.deadline) }
        defer { running.withLock { $0 = nil } }
        try due.action()
    }
}

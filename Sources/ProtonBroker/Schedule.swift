// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import HeapModule
import Proton
import ProtonUtilities
import Synchronization

/// The times at which queues have work to do, with one timer for all of them.
final class Schedule: Sendable {
    /// Starts a timer; it can be cancelled. Callable from any thread.
    typealias StartTimer = @Sendable (Duration, @escaping @Sendable () -> Void) -> TimerTask?

    private struct Entry: Comparable {
        let time: Int64
        let queue: ObjectIdentifier

        static func < (left: Entry, right: Entry) -> Bool { left.time < right.time }
    }

    private struct Wake {
        weak var queue: Queue?
        let time: Int64
    }

    private struct State {
        /// The next time of each queue. Outdated entries may still exist.
        var entries = Heap<Entry>()
        var wakes: [ObjectIdentifier: Wake] = [:]
        /// The timer that fires next, and its time.
        var timer: (time: Int64, task: TimerTask?)?
        var startTimer: StartTimer?
        /// Is called with a queue when its time has come.
        var tell: (@Sendable (Queue) -> Void)?
    }

    private let state = Mutex(State())
    private let clock: QueueClock

    init(_ clock: QueueClock) { self.clock = clock }

    /// How many entries there are.
    var count: Int { state.withLock { $0.entries.count } }

    /// Sets how a timer is started, and the function that is called with a queue when its time has come.
    func start(_ startTimer: @escaping StartTimer, tell: @escaping @Sendable (Queue) -> Void) {
        state.withLock { state in
            state.startTimer = startTimer
            state.tell = tell
        }
        arrange()
    }

    /// Schedules a queue for a time of the queues' clock, in place of its earlier schedule.
    func wake(_ queue: Queue, at time: Int64) {
        let id = ObjectIdentifier(queue)
        let isNext = state.withLock { state in
            state.wakes[id] = Wake(queue: queue, time: time)
            state.entries.insert(Entry(time: time, queue: id))
            if state.entries.count > 2 * state.wakes.count + 64 { Schedule.compact(&state) }
            return state.timer.map { time < $0.time } ?? true
        }
        if isNext { arrange() }
    }

    /// Keeps one entry for each queue that still exists.
    private static func compact(_ state: inout State) {
        state.wakes = state.wakes.filter { $0.value.queue != nil }
        state.entries = Heap(state.wakes.map { Entry(time: $0.value.time, queue: $0.key) })
    }

    /// Starts the timer for the next entry, in place of one with a later time.
    private func arrange() {
        let now = clock.now
        let (start, time, old): (StartTimer?, Int64, TimerTask?) = state.withLock { state in
            guard let start = state.startTimer, let next = state.entries.min?.time else { return (nil, 0, nil) }
            if let timer = state.timer, timer.time <= next { return (nil, 0, nil) }
            let old = state.timer?.task
            state.timer = (next, nil)
            return (start, next, old)
        }
        guard let start else { return }
        old?.cancel()
        let task = start(.milliseconds(max(0, time - now))) { [weak self] in self?.timerFired(time) }
        state.withLock { state in
            // It may have fired meanwhile, or been replaced by an earlier one.
            if state.timer?.time == time { state.timer = (time, task) }
        }
    }

    private func timerFired(_ time: Int64) {
        let now = clock.now
        let (queues, tell) = state.withLock { state in
            if state.timer?.time == time { state.timer = nil }
            var queues: [Queue] = []
            while let entry = state.entries.min, entry.time <= now {
                state.entries.removeMin()
                guard let wake = state.wakes[entry.queue], wake.time <= now else { continue }
                state.wakes[entry.queue] = nil
                if let queue = wake.queue { queues.append(queue) }
            }
            return (queues, state.tell)
        }
        for queue in queues { tell?(queue) }
        arrange()
    }
}

/// The clock of the queues: the system's, or one that a test controls.
///
/// A class, since the size of an instant is known only at run time: a state that contains one would be slower in all of its
/// fields.
final class QueueClock: Sendable {
    private let clock: (any ContainerClock)?
    private let start: ContinuousClock.Instant
    private let startOfDay: Int64

    init(_ clock: (any ContainerClock)? = nil) {
        self.clock = clock
        start = clock?.now ?? .now
        startOfDay = QueueClock.systemTime
    }

    /// The milliseconds of a monotonic clock, from some moment on.
    var now: Int64 { start.duration(to: clock?.now ?? .now).wholeMilliseconds }

    /// Milliseconds since 1970.
    var timeOfDay: Int64 { clock == nil ? QueueClock.systemTime : startOfDay + now }

    private static var systemTime: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    }
}

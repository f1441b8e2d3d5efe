import Glibc
import Proton

/// The time as queues see it: that of the system, or of a clock that a test turns.
struct QueueClock: Sendable {
    private let clock: (any ContainerClock)?
    private let start: ContinuousClock.Instant
    private let startOfDay: Int64

    init(_ clock: (any ContainerClock)? = nil) {
        self.clock = clock
        start = clock?.now ?? .now
        startOfDay = QueueClock.systemTime
    }

    /// Milliseconds of a clock that nobody sets, from some moment on.
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

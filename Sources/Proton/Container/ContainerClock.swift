/// What the timers of a container go by in place of the system's clock; `ProtonTesting` has one to turn by hand.
///
/// What proton times itself keeps to the system's clock: heartbeats, and how long a peer may be silent
/// (`ConnectionLimits.idleTimeout`). All the rest goes by the container's clock: `schedule`, the waits before a
/// connection is made again, the time to open one, and the grace of `stop`.
public protocol ContainerClock: AnyObject, Sendable {
    /// The time now, which never goes back; from any thread.
    var now: ContinuousClock.Instant { get }

    /// Has containers told after each change of the time.
    /// - Parameter tell: to be called after `now` has changed, from any thread and without a lock that `now` needs; once
    ///   it returns false it is to be forgotten.
    func whenChanged(_ tell: @escaping @Sendable () -> Bool)
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What the timers of a container go by in place of the system's clock; `ProtonTesting` has one to turn by hand.
///
/// It is the time of `schedule`, of the waits before a connection is made again, and of the time that peers have to open
/// one. What proton times itself over sockets keeps to the system's clock: heartbeats, and how long a peer may be
/// silent (`ConnectionLimits.idleTimeout`). So does the grace of `stop`, since a clock that stands must not keep a program
/// up.
public protocol ContainerClock: AnyObject, Sendable {
    /// The time now, which never goes back; from any thread.
    var now: ContinuousClock.Instant { get }

    /// Has containers told after each change of the time.
    /// - Parameter tell: to be called after `now` has changed, from any thread and without a lock that `now` needs; once
    ///   it returns false it is to be forgotten.
    func whenChanged(_ tell: @escaping @Sendable () -> Bool)
}

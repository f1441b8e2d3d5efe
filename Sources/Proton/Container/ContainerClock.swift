// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The clock of a container's timers in place of the system's clock; `ProtonTesting` has one that a test controls.
///
/// It is used by `schedule`, for the delays before a reconnect, and for the time in which a peer has to open a connection.
/// Proton's own timers over sockets use the system's clock: heartbeats, and the idle time-out (`ConnectionLimits.idleTimeout`).
/// The grace period of `stop` does too, so that a stopped clock does not keep a program running.
public protocol ContainerClock: AnyObject, Sendable {
    /// The current time, which never goes back; from any thread.
    var now: ContinuousClock.Instant { get }

    /// Registers a function that is called after each change of the time.
    /// - Parameter tell: to be called after `now` has changed, from any thread and without a lock that `now` needs; when it
    ///   returns false it must be removed.
    func whenChanged(_ tell: @escaping @Sendable () -> Bool)
}

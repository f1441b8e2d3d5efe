// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
import Synchronization

/// A clock that stands still until a test turns it: a container's timers then go off at once, in the order of their times.
///
///     let clock = TestClock()
///     let container = try Container(handler, clock: clock)
///     …
///     clock.advance(by: .seconds(3_600))  // what was scheduled for the next hour happens now
///
/// It is the time of `schedule` on containers and work queues, of the waits before a connection is made again, and of the
/// time that peers have to open a connection: none of them ends unless the clock is turned. The grace of
/// `Container.stop` keeps to the system's clock; so do, over sockets, heartbeats and `ConnectionLimits.idleTimeout`.
///
/// For the async client there is `AMQPClient.container`; `withMemoryNetwork` has a client, a broker and a clock in one.
///
/// One clock may serve several containers. All of it may be used from any thread, callbacks included.
public final class TestClock: ContainerClock {
    private struct State {
        var now = ContinuousClock.now
        var listeners: [Int: @Sendable () -> Bool] = [:]
        var lastID = 0
    }

    private let state = Mutex(State())

    /// Creates a clock that shows the system's time, and stands.
    public init() {}

    /// The time that the clock shows.
    public var now: ContinuousClock.Instant { state.withLock { $0.now } }

    /// Turns the clock forward, and has the containers that go by it run the timers that are due.
    ///
    /// Each timer sees the time that it was set for, so that one which sets itself again goes off as often as it would
    /// have by then. A container runs its timers in its own loop: this returns before they have run. A timer that is set
    /// after this counts from the new time: turn the clock when what should happen is scheduled. What peers do takes no
    /// time on this clock: turn it no further than to where a container has to wait for one.
    /// - Parameter duration: how far, at least zero; a negative one does nothing.
    public func advance(by duration: Duration) {
        guard duration > .zero else { return }
        let listeners = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            return state.listeners
        }
        // Without the lock: containers ask for the time.
        for (id, tell) in listeners where !tell() { state.withLock { $0.listeners[id] = nil } }
    }

    /// Has a container told when the clock is turned; `Container` calls it.
    public func whenChanged(_ tell: @escaping @Sendable () -> Bool) {
        state.withLock { state in
            state.lastID += 1
            state.listeners[state.lastID] = tell
        }
    }
}

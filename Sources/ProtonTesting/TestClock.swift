// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
import Synchronization

/// A clock that a test advances: the timers of a container that are then due fire at once, in the order of their times.
///
///     let clock = TestClock()
///     let container = try Container(handler, clock: clock)
///     …
///     clock.advance(by: .seconds(3_600))  // what was scheduled for the next hour happens now
///
/// It is the time of `schedule` on containers and work queues, of reconnect delays, and of the time limit for peers to open a
/// connection: none of these ends unless the clock is advanced. The grace time of `Container.stop` uses the system's clock; so
/// do, over sockets, heartbeats and `ConnectionLimits.idleTimeout`.
///
/// With the async client, use it through `AMQPClient.container`; `withMemoryNetwork` combines a client, a broker and a clock.
///
/// One clock may be used by several containers. All members may be used from any thread, also in callbacks.
public final class TestClock: ContainerClock {
    private struct State {
        var now = ContinuousClock.now
        var listeners: [Int: @Sendable () -> Bool] = [:]
        var lastID = 0
    }

    private let state = Mutex(State())

    /// Creates a clock that stands still at the system's current time.
    public init() {}

    /// The time of the clock.
    public var now: ContinuousClock.Instant { state.withLock { $0.now } }

    /// Advances the clock; the containers that use it run the timers that are due.
    ///
    /// Each timer sees the time that it was set for, so that a timer that sets itself again fires as often as it would in real
    /// time. A container runs its timers in its own loop: this returns before they have run. A timer that is set after this call
    /// counts from the new time, so advance the clock only after the timers in question are set. The actions of peers take no
    /// time on this clock: advance it only up to the point where a container has to wait for a peer.
    /// - Parameter duration: the time to advance; zero or a negative time has no effect.
    public func advance(by duration: Duration) {
        guard duration > .zero else { return }
        let listeners = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            return state.listeners
        }
        // Called without the lock, because containers read the time of the clock.
        for (id, tell) in listeners where !tell() { state.withLock { $0.listeners[id] = nil } }
    }

    /// Registers a closure to be called when the clock is advanced; `Container` calls this.
    public func whenChanged(_ tell: @escaping @Sendable () -> Bool) {
        state.withLock { state in
            state.lastID += 1
            state.listeners[state.lastID] = tell
        }
    }
}

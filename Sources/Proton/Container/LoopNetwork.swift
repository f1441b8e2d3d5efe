// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import ProtonEngine
import ProtonUtilities

/// Carries the bytes of a loop's connections in place of sockets.
package protocol LoopNetwork: AnyObject, Sendable {
    /// Connects the driver of a connection to an address; on the loop's thread, which then calls `turn`.
    func connect(_ driver: ConnectionDriver, to address: String)

    /// Listens from now on; from any thread.
    /// - Throws: `ProtonError.Code.listenFailed` if there is already a listener for the address.
    func listen(_ listener: Listener, in loop: LoopInMemory) throws

    /// Does all pending work once; on the loop's thread.
    /// - Returns: whether there was any: then this is called again before the loop waits.
    /// - Throws: the errors of handlers, which end the loop.
    func turn(_ loop: LoopInMemory) throws -> Bool
}

/// The interface of a loop to its network in memory.
package struct LoopInMemory: Sendable {
    let loop: Loop

    /// Wakes the loop, which calls `turn`; from any thread.
    package func wake() { loop.wake() }

    /// The time of the loop's clock.
    package var now: ContinuousClock.Instant { loop.now }

    /// The deadline of the loop's first timer; nil if there is none.
    package var nextDeadline: ContinuousClock.Instant? { loop.state.withLock { $0.timers.nextDeadline } }

    /// Runs the timers that are due, and the work of other threads.
    /// - Returns: whether there was any.
    package func turn() throws -> Bool { try loop.turn() }

    /// Accepts the connection of a peer that has connected to a listener.
    /// - Returns: nil if the listener is closed, or the loop is ending.
    package func accept(on listener: Listener) throws -> ConnectionDriver? {
        guard let (connection, configuration) = try loop.accept(on: listener) else { return nil }
        return ConnectionDriver.accept(connection, configuration, wake: loop.wake)
    }

    /// A listener has been closed.
    package func close(_ listener: Listener) {
        // It throws only if a condition, such as a socket's error, has ended the listener.
        try? loop.listenerClosed(listener, condition: nil)
        loop.wake()
    }
}

extension Loop {
    /// The interface of the loop to its network.
    var inMemory: LoopInMemory { LoopInMemory(loop: self) }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import ProtonEngine
import ProtonUtilities

/// What carries the bytes of a loop's connections in the place of sockets.
package protocol LoopNetwork: AnyObject, Sendable {
    /// Takes the driver of a connection that wants to reach an address; on the loop's thread, which then calls `turn`.
    func connect(_ driver: ConnectionDriver, to address: String)

    /// Listens from now on; from any thread.
    /// - Throws: `ProtonError.Code.listenFailed` where somebody listens there already.
    func listen(_ listener: Listener, in loop: LoopInMemory) throws

    /// Gives everything that is to be done its turn once; on the loop's thread.
    /// - Returns: whether there was something to do: then this is called again before the loop waits.
    /// - Throws: what handlers throw, which ends the loop.
    func turn(_ loop: LoopInMemory) throws -> Bool
}

/// A loop whose connections are in memory, as its network sees it.
package struct LoopInMemory: Sendable {
    let loop: Loop

    /// Has `turn` called; from any thread.
    package func wake() { loop.wake() }

    /// The time of the loop's clock.
    package var now: ContinuousClock.Instant { loop.now }

    /// When the first of the loop's timers is due; nil where there is none.
    package var nextDeadline: ContinuousClock.Instant? { loop.state.withLock { $0.timers.nextDeadline } }

    /// Runs the timers that are due, and what other threads want done.
    /// - Returns: whether there was something.
    package func turn() throws -> Bool { try loop.turn() }

    /// Takes the connection of a peer that has connected to a listener.
    /// - Returns: nil where the listener has been closed, or the loop is about to end.
    package func accept(on listener: Listener) throws -> ConnectionDriver? {
        guard let (connection, configuration) = try loop.accept(on: listener) else { return nil }
        return ConnectionDriver.accept(connection, configuration, wake: loop.wake)
    }

    /// A listener has been closed.
    package func close(_ listener: Listener) {
        // What it throws is about listeners that their sockets' errors end.
        try? loop.listenerClosed(listener, condition: nil)
        loop.wake()
    }
}

extension Loop {
    /// What its network sees of it.
    var inMemory: LoopInMemory { LoopInMemory(loop: self) }
}

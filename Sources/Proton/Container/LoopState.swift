// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

/// The state of a loop, which its lock protects, and the condition for its end.
extension Loop {
    /// Creates the connection that a listener accepts, and its configuration.
    typealias Acceptor = (Listener) throws -> (Connection, TransportConfiguration)

    enum Phase {
        case idle
        case running
        /// Everything is being closed; errors are ignored. A loop may be stopped before it runs.
        case stopping(isRunning: Bool)
        /// A handler failed: everything is being dropped, and no more events are dispatched.
        case failing(any Error)
        case ended((any Error)?)
    }

    /// A connection that is connected when the callback that made it returns: until then the callback owns it.
    struct PendingConnect {
        let connection: Connection
        let thread: UInt
    }

    struct State {
        var phase = Phase.idle
        var connections: [ObjectIdentifier: Connection] = [:]
        var listeners: [ObjectIdentifier: (listener: Listener, acceptor: Acceptor)] = [:]
        var pending: [PendingConnect] = []
        var jobs: [@Sendable () throws -> Void] = []
        var timers = TimerQueue()
        /// When the last time-out that the proactor was given expires, by the system's clock; nil when it has expired.
        var timeout: ContinuousClock.Instant?
        /// How many threads run timers now.
        var timerRuns = 0
        /// How many threads run jobs now.
        var jobRuns = 0
        /// The timers that limit the loop's end, by the system's clock, since another clock may stand still.
        var bounds = TimerQueue()
        /// The timers that end connections which their peers do not open, or do not close.
        var deadlines: [ObjectIdentifier: TimerQueue.ID] = [:]
        /// Connections that the loop's only thread is using outside of their batches.
        var lent: [WorkQueue] = []
        /// Connections in no proactor that have work items to run.
        var parked: [WorkQueue] = []
        /// How often the loop is held, such as by injectors: it then does not end, unless it is stopped.
        var holds = 0

        /// - Throws: `ProtonError.Code.closed` if nothing new can be opened any more.
        func checkOpen() throws {
            switch phase {
            case .idle, .running: return
            case .stopping, .failing, .ended:
                throw ProtonError(.closed, "The container is stopping, or has ended: nothing new can be opened.")
            }
        }

        /// Takes the connections that wait to be connected, and adds them to `connections`.
        mutating func takePending() -> [Connection] {
            let taken = exchange(&pending, with: []).map(\.connection)
            for connection in taken { connections[ObjectIdentifier(connection)] = connection }
            return taken
        }

        /// Cancels the deadline of a connection that its peer has opened or closed in time, or that has ended.
        mutating func cancelDeadline(of connection: Connection) {
            if let timer = deadlines.removeValue(forKey: ObjectIdentifier(connection)) { _ = timers.cancel(timer) }
        }

        /// The time until the next deadline; nil if the loop has to wait for no timer.
        func delay(by clock: TimerClock) -> Duration? {
            let timer = timers.nextDeadline.flatMap(clock.delay)
            guard let deadline = bounds.nextDeadline else { return timer }
            let bound = max(.zero, ContinuousClock.now.duration(to: deadline))
            return min(bound, timer ?? bound)
        }

        /// Takes the posted jobs and queues, for a thread that runs them and then calls `endJobRun`.
        mutating func beginJobRun() -> (jobs: [@Sendable () throws -> Void], parked: [WorkQueue]) {
            jobRuns += 1
            return (exchange(&jobs, with: []), exchange(&parked, with: []))
        }

        mutating func endJobRun() { jobRuns -= 1 }

        /// Takes out the first timer that is due, if there is one.
        mutating func popDue(by clock: TimerClock) -> TimerQueue.Due? {
            bounds.popDue(.now) ?? timers.popDue(clock.now)
        }

        /// Ends the loop with everything that is left.
        mutating func end() {
            switch phase {
            case .idle, .running, .stopping: phase = .ended(nil)
            case .failing(let error): phase = .ended(error)
            case .ended: break
            }
        }

        /// Ends the loop if it waits for nothing.
        /// - Returns: whether it has ended.
        mutating func endIfIdle() -> Bool {
            switch phase {
            case .ended: return true
            case .running where isIdle && holds == 0, .stopping where isIdle: phase = .ended(nil)
            case .failing(let error) where isIdle: phase = .ended(error)
            default: return false
            }
            return true
        }

        /// Whether nothing is left, and nothing runs that may still open something.
        var isIdle: Bool {
            jobRuns == 0 && timerRuns == 0 && connections.isEmpty && listeners.isEmpty && pending.isEmpty
                && jobs.isEmpty && parked.isEmpty && timers.activeCount == 0
        }
    }
}

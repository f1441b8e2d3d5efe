// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

/// What a loop keeps under its lock, and when that means that it has ended.
extension Loop {
    /// How a connection that a listener accepts is set up.
    typealias Acceptor = (Listener) throws -> (Connection, TransportConfiguration)

    enum Phase {
        case idle
        case running
        /// Everything is being closed; what goes wrong meanwhile is of no interest. A loop may be stopped before it runs.
        case stopping(isRunning: Bool)
        /// A handler failed: everything is being dropped, and nothing is dispatched any more.
        case failing(any Error)
        case ended((any Error)?)
    }

    /// A connection that is connected when the callback that made it returns: until then it is its maker's.
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
        /// When the proactor's time-out comes that was set last, by the system's clock; nil once it has come.
        var timeout: ContinuousClock.Instant?
        /// How many threads run timers now.
        var timerRuns = 0
        /// How many threads run jobs now.
        var jobRuns = 0
        /// What bounds the end of the loop: by the system's clock, since one that is turned may stand for ever.
        var bounds = TimerQueue()
        /// The timers that end connections which their peers do not open, or do not close.
        var deadlines: [ObjectIdentifier: TimerQueue.ID] = [:]
        /// Connections that the loop's only thread is using outside of their batches.
        var lent: [WorkQueue] = []
        /// Connections in no proactor whose items are to be run.
        var parked: [WorkQueue] = []
        /// How many injectors may still bring something: the loop waits for them, unless it is being stopped.
        var holds = 0

        /// - Throws: `ProtonError.Code.closed` where nothing new can be opened any more.
        func checkOpen() throws {
            switch phase {
            case .idle, .running: return
            case .stopping, .failing, .ended:
                throw ProtonError(.closed, "The container is stopping, or has ended: nothing new can be opened.")
            }
        }

        /// Takes the connections that are to be connected, as connections from now on.
        mutating func takePending() -> [Connection] {
            let taken = exchange(&pending, with: []).map(\.connection)
            for connection in taken { connections[ObjectIdentifier(connection)] = connection }
            return taken
        }

        /// Lets a connection be whose peer has opened or closed it in time, or that is over.
        mutating func cancelDeadline(of connection: Connection) {
            if let timer = deadlines.removeValue(forKey: ObjectIdentifier(connection)) { _ = timers.cancel(timer) }
        }

        /// How long it is until something is due; nil where nothing will be by itself.
        func delay(by clock: TimerClock) -> Duration? {
            let timer = timers.nextDeadline.flatMap(clock.delay)
            guard let deadline = bounds.nextDeadline else { return timer }
            let bound = max(.zero, ContinuousClock.now.duration(to: deadline))
            return min(bound, timer ?? bound)
        }

        /// Takes what was posted, for a thread that runs it and then says `endJobRun`.
        mutating func beginJobRun() -> (jobs: [@Sendable () throws -> Void], parked: [WorkQueue]) {
            jobRuns += 1
            return (exchange(&jobs, with: []), exchange(&parked, with: []))
        }

        mutating func endJobRun() { jobRuns -= 1 }

        /// Takes out what is due first, where something is.
        mutating func popDue(by clock: TimerClock) -> TimerQueue.Due? {
            bounds.popDue(.now) ?? timers.popDue(clock.now)
        }

        /// Ends the loop with what is left.
        mutating func end() {
            switch phase {
            case .idle, .running, .stopping: phase = .ended(nil)
            case .failing(let error): phase = .ended(error)
            case .ended: break
            }
        }

        /// Ends the loop where nothing is left to wait for.
        /// - Returns: whether it has ended.
        mutating func endWhereIdle() -> Bool {
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

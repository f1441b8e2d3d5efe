// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities
import Synchronization

/// The loop as the delegate of its proactor, for everything but the events of connections.
extension Loop: ProactorDelegate {
    var isDispatching: Bool { !isMuted.load(ordering: .relaxed) }

    func accept(on listener: Listener) throws -> (Connection, TransportConfiguration)? {
        let acceptor = state.withLock { $0.listeners[ObjectIdentifier(listener)]?.acceptor }
        guard let acceptor else { return nil }
        let (connection, configuration) = try acceptor(listener)
        let isTaken = state.withLock { state in
            guard (try? state.checkOpen()) != nil else { return false }
            state.connections[ObjectIdentifier(connection)] = connection
            return true
        }
        guard isTaken else {
            connection.discard()
            return nil
        }
        setHandshakeDeadline(of: connection, configuration)
        return (connection, configuration)
    }

    func listenerClosed(_ listener: Listener, condition: Condition?) throws {
        let wasListening = state.withLock { $0.listeners.removeValue(forKey: ObjectIdentifier(listener)) != nil }
        guard wasListening, let condition else { return }
        throw ProtonError(
            .listenFailed,
            "Listening on \(listener.requestedAddress) ended: \(condition.description ?? condition.name.description)",
            condition: condition)
    }

    func connectionFinished(_ connection: Connection) {
        cancelDeadline(of: connection)
        connection.dropCoordinator()
        state.withLock { _ = $0.connections.removeValue(forKey: ObjectIdentifier(connection)) }
    }

    func timeoutPassed() throws {
        state.withLock { state in
            state.timerRuns += 1
            state.timeout = nil
        }
        defer {
            state.withLock { state in
                setTimeout(&state)
                state.timerRuns -= 1
            }
        }
        try runTimers()
    }

    func interrupted() throws { try runJobs() }

    /// Runs due timers and jobs, for a caller that drives the loop itself.
    /// - Returns: whether there were any.
    func turn() throws -> Bool {
        let hadJobs = try runJobs()
        return try runTimers() || hadJobs
    }

    /// How many timers are run in a row: a timer that schedules itself again without a delay must not block the others.
    private static let timerBudget = 100

    /// - Returns: whether a timer was due.
    @discardableResult
    private func runTimers() throws -> Bool {
        var count = 0
        while count < Loop.timerBudget, let due = state.withLock({ $0.popDue(by: clock) }) {
            count += 1
            try clock.run(due)
        }
        return count > 0
    }

    /// - Returns: whether there was a job.
    @discardableResult
    private func runJobs() throws -> Bool {
        let (jobs, parked) = state.withLock { $0.beginJobRun() }
        defer { state.withLock { $0.endJobRun() } }
        var failure: (any Error)?
        for queue in parked {
            do { try queue.runParked() } catch { failure = failure ?? error }
        }
        for job in jobs where failure == nil {
            do { try job() } catch { failure = error }
        }
        if let failure { throw failure }
        return !jobs.isEmpty || !parked.isEmpty
    }
}

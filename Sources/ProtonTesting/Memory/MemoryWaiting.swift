// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// The tasks that wait for something of a `MemoryNetwork`.
final class MemoryWaiting: Sendable {
    /// What a task waits for.
    enum Event {
        /// That nothing is left to be said.
        case rest
        /// That a timer is due within this time.
        case timer(within: Duration)
    }

    private struct Waiter {
        let event: Event
        let continuation: CheckedContinuation<Void, Never>
        /// Whether a turn has begun since: what was asked for before is done in it.
        var isSeen = false
    }

    private struct State {
        var waiters: [UInt64: Waiter] = [:]
        var lastID: UInt64 = 0
        var hasEnded = false
    }

    private let state = UncheckedMutex(State())

    /// Waits for an event, for the end of the network, or until the task is cancelled.
    /// - Parameter wake: has the loop take a turn.
    func wait(for event: Event, _ wake: () -> Void) async {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isKept = state.withLock { state in
                    // A task is marked as cancelled before its handler runs.
                    guard !state.hasEnded, !Task.isCancelled else { return false }
                    state.waiters[id] = Waiter(event: event, continuation: continuation)
                    return true
                }
                if isKept { wake() } else { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
    }

    /// A turn of the loop begins.
    func beginTurn() {
        state.withLock { state in
            for id in state.waiters.keys { state.waiters[id]?.isSeen = true }
        }
    }

    /// The loop has taken a turn in which there was nothing to do: those go on whose event this is.
    /// - Returns: whether all have been looked at; those that came meanwhile want another turn.
    func endRest(_ loop: LoopInMemory) -> Bool {
        let (deadline, now) = (loop.nextDeadline, loop.now)
        let (found, isDone) = state.withLock { state in
            let found = state.waiters.filter { _, waiter in
                guard waiter.isSeen else { return false }
                return switch waiter.event {
                case .rest: true
                case .timer(let time): deadline.map { $0 <= now.advanced(by: time) } ?? false
                }
            }
            for id in found.keys { state.waiters[id] = nil }
            return (found, state.waiters.values.allSatisfy(\.isSeen))
        }
        for waiter in found.values { waiter.continuation.resume() }
        return isDone
    }

    /// Nothing happens any more.
    func end() {
        let waiters = state.withLock { state in
            state.hasEnded = true
            return exchange(&state.waiters, with: [:])
        }
        for waiter in waiters.values { waiter.continuation.resume() }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// The tasks that wait for an event of a `MemoryNetwork`.
final class MemoryWaiting: Sendable {
    /// The event that a task waits for.
    enum Event {
        /// No output is left.
        case rest
        /// A timer is set that fires within this time.
        case timer(within: Duration)
    }

    private struct Waiter {
        let event: Event
        let continuation: CheckedContinuation<Void, Never>
        /// Whether the loop has begun a turn since the wait began: that turn processes all earlier requests.
        var isSeen = false
    }

    private struct State {
        var waiters: [UInt64: Waiter] = [:]
        var lastID: UInt64 = 0
        var hasEnded = false
    }

    private let state = UncheckedMutex(State())

    /// Waits for an event, for the end of the network, or for the cancellation of the task.
    /// - Parameter wake: wakes the loop.
    func wait(for event: Event, _ wake: () -> Void) async {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isKept = state.withLock { state in
                    // A task is marked as cancelled before its cancellation handler runs.
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

    /// Marks the waiters at the beginning of a turn of the loop.
    func beginTurn() {
        state.withLock { state in
            for id in state.waiters.keys { state.waiters[id]?.isSeen = true }
        }
    }

    /// Resumes the tasks whose event has occurred, after a turn of the loop in which there was nothing to do.
    /// - Returns: false if a task began to wait during the turn, so that another turn is needed.
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

    /// Resumes all tasks, after the end of the network.
    func end() {
        let waiters = state.withLock { state in
            state.hasEnded = true
            return exchange(&state.waiters, with: [:])
        }
        for waiter in waiters.values { waiter.continuation.resume() }
    }
}

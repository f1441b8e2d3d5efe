// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import ProtonUtilities

/// The requests of peers that the program has not taken yet: a limited number, for any number of tasks.
final class RequestQueue<Request: Sendable>: Sendable {
    private struct State {
        var requests: Deque<Request> = []
        var waiters: Deque<Waiter<Request?>> = []
        var hasEnded = false
        var lastID: UInt64 = 0
    }

    private let state = UncheckedMutex(State())
    private let bound: Int

    /// - Parameter bound: the maximum number of waiting requests.
    init(bound: Int) {
        self.bound = bound
    }

    /// Hands a request to the task that has waited longest, or keeps it. The request is released if too many wait, or the queue
    /// has ended.
    func put(_ request: Request) {
        let waiter: Waiter<Request?>? = state.withLock { state in
            if let waiter = state.waiters.popFirst() { return waiter }
            if !state.hasEnded, state.requests.count < bound { state.requests.append(request) }
            return nil
        }
        waiter?.resume(request)
    }

    /// Takes the next request, and waits for it.
    /// - Returns: nil if the queue has ended, or the task is cancelled.
    func next() async -> Request? {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        return await wait(id) { waiter, isCancelled in
            state.withLock { state in
                if isCancelled { return .ready(nil) }
                if let request = state.requests.popFirst() { return .ready(request) }
                if state.hasEnded { return .ready(nil) }
                state.waiters.append(waiter)
                return .kept
            }
        } onCancel: { [self] in
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
            }
            waiter?.resume(nil)
        }
    }

    /// Ends the queue: the waiting tasks are resumed, and the waiting requests are released.
    func finish() {
        let (requests, waiters) = state.withLock { state in
            state.hasEnded = true
            return (exchange(&state.requests, with: []), exchange(&state.waiters, with: []))
        }
        withExtendedLifetime(requests) {}
        for waiter in waiters { waiter.resume(nil) }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// State under a lock, and a way to wait until it is as one wants it.
///
/// `@unchecked Sendable`: the state is reached under the lock only, and what leaves a critical section is for its
/// caller to answer for; the two pthread objects are made for several threads, and freed when nobody can use them.
package final class Monitor<State>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    // The lock makes accesses exclusive.
    @exclusivity(unchecked) private var state: State

    package init(_ state: State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // So that a wait lasts as long as it should when somebody sets the clock.
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with the state, holding the lock; then those that wait look again.
    package func withLock<Result, Failure: Error>(_ body: (inout State) throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return try body(&state)
    }

    /// Runs `body` with the state, holding the lock; those that wait look again only where it says that they have to.
    package func update<Result>(_ body: (inout State) -> (result: Result, wakes: Bool)) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let (result, wakes) = body(&state)
        if wakes { pthread_cond_broadcast(changed) }
        return result
    }

    /// Waits until `body` returns something, or throws; it is called with the lock, each time the state has changed.
    /// - Parameter deadline: when to give up; nil is never.
    /// - Returns: nil where the time is over.
    package func wait<Result, Failure: Error>(
        until deadline: Deadline, _ body: (inout State) throws(Failure) -> Result?
    ) throws(Failure) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = try body(&state) {
                // What it has taken may be what another one waits to see gone.
                pthread_cond_broadcast(changed)
                return result
            }
            guard var time = deadline.time else {
                pthread_cond_wait(changed, mutex)
                continue
            }
            if pthread_cond_timedwait(changed, mutex, &time) == ETIMEDOUT { return try body(&state) }
        }
    }
}

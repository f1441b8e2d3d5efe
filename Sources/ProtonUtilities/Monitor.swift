// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// State under a lock, and waits until the state meets a condition.
///
/// `@unchecked Sendable`: the state is accessed under the lock only, and the caller is responsible for any reference that leaves
/// a critical section. The two pthread objects may be used from several threads, and are freed when no reference is left.
package final class Monitor<State>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    // The lock makes accesses exclusive, so no check at run time is needed.
    @exclusivity(unchecked) private var state: State

    package init(_ state: State) {
        self.state = state
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        // With the monotonic clock, a change of the system's time does not change the length of a wait.
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

    /// Runs `body` with the state, holding the lock; then the waiting threads check their conditions again.
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

    /// Runs `body` with the state, holding the lock; the waiting threads check their conditions again only if `wakes` is true.
    package func update<Result>(_ body: (inout State) -> (result: Result, wakes: Bool)) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let (result, wakes) = body(&state)
        if wakes { pthread_cond_broadcast(changed) }
        return result
    }

    /// Waits until `body` returns a value or throws. It is called with the lock, each time the state has changed.
    /// - Parameter deadline: when to give up; nil means never.
    /// - Returns: nil if the deadline has passed.
    package func wait<Result, Failure: Error>(
        until deadline: Deadline, _ body: (inout State) throws(Failure) -> Result?
    ) throws(Failure) -> Result? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = try body(&state) {
                // Another thread may wait for the change that `body` has made.
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

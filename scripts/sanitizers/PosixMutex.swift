// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What stands for `Synchronization.Mutex` where ThreadSanitizer looks on: that one waits in a library that it does not
/// see into.
///
/// `@unchecked Sendable`: the state is reached under the lock only.
package final class PosixMutex<State>: @unchecked Sendable {
    private let handle: UnsafeMutablePointer<pthread_mutex_t>
    // With something behind it: a state without a size would have the address of something else.
    @exclusivity(unchecked) private var state: (value: State, padding: UInt)

    package init(_ state: State) {
        handle = .allocate(capacity: 1)
        handle.initialize(to: pthread_mutex_t())
        pthread_mutex_init(handle, nil)
        self.state = (state, 0)
    }

    deinit {
        pthread_mutex_destroy(handle)
        handle.deallocate()
    }

    package func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(handle)
        defer { pthread_mutex_unlock(handle) }
        return try body(&state.value)
    }
}

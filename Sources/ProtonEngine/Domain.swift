// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// The thread that works on a connection now. Every entry point checks it, so the check must cost almost nothing.
///
/// A copy is valid as long as the `WorkQueue` that owns the domain: the connection keeps its queue alive, and sessions and links
/// keep the connection alive.
///
/// Only a work queue can enter and leave its domain, because only it can make the key that these calls take.
///
/// `@unchecked Sendable`: the memory that it points to is atomic.
package struct Domain: @unchecked Sendable {
    private let thread: UnsafeMutablePointer<Atomic<UInt>>

    init(_ key: WorkQueue.Key) {
        thread = .allocate(capacity: 1)
        thread.initialize(to: Atomic(0))
    }

    func deallocate(_ key: WorkQueue.Key) {
        thread.deinitialize(count: 1)
        thread.deallocate()
    }

    /// Whether the calling thread is in the domain.
    @inline(__always)
    package var isCurrent: Bool {
        thread.pointee.load(ordering: .relaxed) == UInt(pthread_self())
    }

    /// Enters the domain on this thread; the caller ensures that no other thread is in it.
    func enter(_ key: WorkQueue.Key) {
        thread.pointee.store(UInt(pthread_self()), ordering: .relaxed)
    }

    /// Leaves the domain; has no effect if another thread has entered it since.
    func leave(_ key: WorkQueue.Key) {
        _ = thread.pointee.compareExchange(expected: UInt(pthread_self()), desired: 0, ordering: .relaxed)
    }
}

/// The part of a queue that only the thread in the domain uses.
///
/// `@unchecked Sendable`: it is set before the queue is visible to another thread, and then used in the domain only.
/// `unowned(unsafe)`: the connection closes its queue, which clears this, before it is released; `weak` would give every
/// connection a side table, which slows each of its retains.
final class DomainState: @unchecked Sendable {
    unowned(unsafe) var connection: Connection?
    /// Where the connection moves when the domain is left.
    var move: WorkQueue.Move?
}

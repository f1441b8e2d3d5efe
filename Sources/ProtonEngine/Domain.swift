// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Which thread works on a connection now: the check at every entry point, which must cost next to nothing.
///
/// A copy holds no reference: it is good for as long as the `WorkQueue` lives that owns it, which the connection keeps,
/// which its sessions and links keep.
///
/// Only a work queue enters and leaves its domain: the key that this takes is made there alone.
///
/// `@unchecked Sendable`: the word that it points to is atomic.
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

    /// Enters the domain on this thread; the caller makes sure that no other thread is in it.
    func enter(_ key: WorkQueue.Key) {
        thread.pointee.store(UInt(pthread_self()), ordering: .relaxed)
    }

    /// Leaves the domain; does nothing where another thread has entered it since.
    func leave(_ key: WorkQueue.Key) {
        _ = thread.pointee.compareExchange(expected: UInt(pthread_self()), desired: 0, ordering: .relaxed)
    }
}

/// What the thread in the domain uses of a queue.
///
/// `@unchecked Sendable`: it is set before the queue is visible to another thread, and then used in the domain only.
/// `unowned(unsafe)`: the connection closes its queue, which clears this, before it goes; `weak` would give every
/// connection a side table, which slows each of its retains.
final class DomainState: @unchecked Sendable {
    unowned(unsafe) var connection: Connection?
    /// Where the connection goes when the domain is left.
    var move: WorkQueue.Move?
}

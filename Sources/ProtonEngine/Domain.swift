import Glibc
import Synchronization

/// Which thread works on a connection now: the check at every entry point, which must cost next to nothing.
///
/// A copy of a `Domain` holds no reference: it is good for as long as the `WorkQueue` lives that owns it, which the
/// connection keeps, which its sessions and links keep.
///
/// `@unchecked Sendable`: the word that it points to is atomic.
package struct Domain: @unchecked Sendable {
    private let owner: UnsafeMutablePointer<Atomic<UInt>>

    init() {
        owner = .allocate(capacity: 1)
        owner.initialize(to: Atomic(0))
    }

    func deallocate() {
        owner.deinitialize(count: 1)
        owner.deallocate()
    }

    /// Whether the calling thread is in the domain.
    @inline(__always)
    package var isCurrent: Bool {
        owner.pointee.load(ordering: .relaxed) == UInt(pthread_self())
    }

    /// Enters the domain on this thread; the caller makes sure that no other thread is in it.
    package func enter() {
        owner.pointee.store(UInt(pthread_self()), ordering: .relaxed)
    }

    /// Leaves the domain; does nothing where another thread has entered it since.
    package func leave() {
        _ = owner.pointee.compareExchange(expected: UInt(pthread_self()), desired: 0, ordering: .relaxed)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A thread of the loop's own: it blocks, so it is none of the cooperative pool's.
package struct Thread {
    private let handle: pthread_t

    /// Starts a thread; nil where the system has none left.
    package static func start(_ body: @escaping @Sendable () -> Void) -> Thread? {
        let box = Unmanaged.passRetained(Body(body))
        var handle = pthread_t()
        guard pthread_create(&handle, nil, runBody, box.toOpaque()) == 0 else {
            box.release()
            return nil
        }
        return Thread(handle: handle)
    }

    /// Lets the thread go when it ends, for one that nobody joins.
    package func detach() {
        pthread_detach(handle)
    }

    /// Waits until the thread has ended.
    package func join() {
        pthread_join(handle, nil)
    }
}

private final class Body: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) {
        self.run = run
    }
}

/// A function of the file's, since a closure written in isolated code would trap on another thread.
private func runBody(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
    return nil
}

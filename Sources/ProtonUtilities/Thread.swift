// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A thread that may block, outside of the cooperative pool.
package struct Thread {
    private let handle: pthread_t

    /// Starts a thread; nil if the system has none left.
    package static func start(_ body: @escaping @Sendable () -> Void) -> Thread? {
        let box = Unmanaged.passRetained(Body(body))
        var handle = pthread_t()
        guard pthread_create(&handle, nil, runBody, box.toOpaque()) == 0 else {
            box.release()
            return nil
        }
        return Thread(handle: handle)
    }

    /// Makes the system release the thread when it ends; for a thread that is never joined.
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

/// A function at file scope, because a closure written in isolated code would trap on another thread.
private func runBody(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
    return nil
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

extension WorkQueue {
    /// Runs work with the connection after a delay; from any thread.
    ///
    /// The delay begins when the connection's domain handles the call. If the connection has ended by then, the work does not
    /// run. The delay does not keep the container running; `Container.schedule` does, and can be cancelled.
    /// - Returns: whether the connection still exists; false if it has ended.
    @discardableResult
    public func schedule(after delay: Duration, _ work: @escaping @Sendable (Connection) throws -> Void) -> Bool {
        add { connection in
            let queue = connection.workQueue
            _ = connection.container.loop.schedule(after: delay, keepsRunning: false) { queue.add(work) }
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

extension WorkQueue {
    /// Has work done with the connection later, from any thread.
    ///
    /// The delay begins when the connection's domain comes to it. A connection that is over by then has nothing done,
    /// and a delay does not keep its container running; `Container.schedule` does, and can be cancelled.
    /// - Returns: whether the connection is still there; false where it is over.
    @discardableResult
    public func schedule(after delay: Duration, _ work: @escaping @Sendable (Connection) throws -> Void) -> Bool {
        add { connection in
            let queue = connection.workQueue
            _ = connection.container.loop.schedule(after: delay, keepsRunning: false) { queue.add(work) }
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A connection's queue as the executor of actors and tasks.
extension WorkQueue: SerialExecutor {
    /// Runs a job of an actor in the connection's domain, or on the global executor after the connection has ended.
    public func enqueue(_ job: consuming ExecutorJob) {
        _ = put(.actorJob(UnownedJob(job)))
    }

    /// This queue as an actor's executor.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    /// Stops the program if it is not in the connection's domain, because that would be a data race.
    public func checkIsolated() {
        guard !domain.isCurrent else { return }
        fatalError("This code must run in its connection's domain: use the connection's workQueue.")
    }

    /// Whether the calling thread is in the connection's domain.
    public func isIsolatingCurrentContext() -> Bool? {
        domain.isCurrent
    }

    /// This queue as a task executor preference: `Task(executorPreference: connection.workQueue.taskExecutor)`.
    ///
    /// It is the fastest executor for a task that does little work for each message. A task that blocks on it blocks the
    /// connection.
    public var taskExecutor: any TaskExecutor { PreferredExecutor(queue: self) }

    /// A queue as a task's preferred executor, which keeps the queue alive.
    final class PreferredExecutor: TaskExecutor {
        private let queue: WorkQueue

        init(queue: WorkQueue) { self.queue = queue }

        func enqueue(_ job: consuming ExecutorJob) {
            _ = queue.put(.taskJob(UnownedJob(job), self))
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A connection's queue as the executor of actors and tasks.
extension WorkQueue: SerialExecutor {
    /// Runs a job of an actor in the connection's domain; also once the connection is over.
    public func enqueue(_ job: consuming ExecutorJob) {
        _ = put(.actorJob(UnownedJob(job)))
    }

    /// This queue as an actor's executor.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    /// Stops the program where it is not in the connection's domain: a misuse that would race.
    public func checkIsolated() {
        guard !domain.isCurrent else { return }
        fatalError("This code must run in its connection's domain: use the connection's workQueue.")
    }

    /// Whether the calling thread is in the connection's domain.
    public func isIsolatingCurrentContext() -> Bool? {
        domain.isCurrent
    }

    /// This queue as the executor that tasks prefer: `Task(executorPreference: connection.workQueue.taskExecutor)`.
    ///
    /// It is the fastest way for a task that does little work a message. A task that blocks there blocks the connection.
    public var taskExecutor: any TaskExecutor { PreferredExecutor(queue: self) }

    /// A queue as the executor that a task prefers, which keeps it.
    final class PreferredExecutor: TaskExecutor {
        private let queue: WorkQueue

        init(queue: WorkQueue) { self.queue = queue }

        func enqueue(_ job: consuming ExecutorJob) {
            _ = queue.put(.taskJob(UnownedJob(job), self))
        }
    }
}

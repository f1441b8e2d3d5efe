/// What a queue holds, and what becomes of its connection.
extension WorkQueue {
    /// One thing to do.
    enum Item {
        case work(@Sendable (Connection) throws -> Void)
        /// Work that is part of what a task does: it runs in the batch that it is added in, as jobs do.
        case step(@Sendable (Connection) throws -> Void)
        case actorJob(UnownedJob)
        case taskJob(UnownedJob, PreferredExecutor)

        var needsConnection: Bool {
            switch self {
            case .work, .step: true
            case .actorJob, .taskJob: false
            }
        }
    }

    /// Where the connection stands, which decides who runs the items.
    enum Place {
        /// With the thread that made it: items wait.
        case held
        /// In no proactor, before it is connected or between two connections: the owner has items run.
        case parked
        /// In a proactor, which answers `pn_connection_wake`.
        case attached
        /// Driven by hand: whoever does that runs the items.
        case driven
        /// Over, for good: jobs run on the global executor.
        case closed
    }

    /// What happens to the connection when the domain is left.
    package enum Move {
        /// It goes into a proactor, by the closure.
        case attach(OpaquePointer, () -> Void)
        /// It stays out of any proactor.
        case park
        /// It is over: the closure lets go of proton's objects.
        case close(() -> Void)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

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

    /// What makes sure that items are run.
    enum Signal {
        case none
        case wake
        case tell(@Sendable () -> Void)
        case ask(any ConnectionOwner)
        case runElsewhere
    }
}

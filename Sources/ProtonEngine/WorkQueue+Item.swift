// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension WorkQueue {
    /// An item of work.
    enum Item {
        case work(@Sendable (Connection) throws -> Void)
        /// Work that is part of a task: it runs in the batch in which it is added, as jobs do.
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

    /// How to make a thread run the items.
    enum Signal {
        case none
        case wake
        case tell(@Sendable () -> Void)
        case ask(any ConnectionOwner)
        case runElsewhere
    }
}

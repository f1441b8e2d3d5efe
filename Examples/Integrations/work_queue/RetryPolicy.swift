// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// How often a job is tried, and how long it waits in between.
struct RetryPolicy: Sendable {
    /// What becomes of a job whose work has failed.
    enum Decision: Equatable {
        case retry(after: Duration)
        case giveUp
    }

    var maxTries: Int
    /// The wait after the first try; each further one is twice as long.
    var firstDelay: Duration
    var maxDelay: Duration

    /// - Parameter tries: how many there were, the one that has just failed included.
    func decision(after tries: Int) -> Decision {
        guard tries < maxTries else { return .giveUp }
        var delay = firstDelay
        for _ in 1..<max(1, tries) where delay < maxDelay { delay *= 2 }
        return .retry(after: min(delay, maxDelay))
    }
}

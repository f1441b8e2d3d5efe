// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import ProtonBroker

/// Whether a store can write, and what is reported about it.
enum StoreHealth: Equatable {
    case working
    /// The last writes have failed, this many in a row.
    case failing(reason: String, failures: Int)

    /// The pause after the first failure, which doubles with each until the longest.
    private static let shortestPause = Duration.milliseconds(250)
    private static let longestPause = Duration.seconds(2)

    /// Takes note that a write has failed.
    /// - Returns: the report, where the reason is a new one.
    mutating func noteFailure(_ reason: String) -> StoreReport? {
        if case .failing(reason, let failures) = self {
            self = .failing(reason: reason, failures: failures + 1)
            return nil
        }
        self = .failing(reason: reason, failures: failures + 1)
        return .failing(reason)
    }

    /// Takes note that a write has succeeded.
    /// - Returns: the report, where the writes before it had failed.
    mutating func noteSuccess() -> StoreReport? {
        if self == .working { return nil }
        self = .working
        return .recovered
    }

    private var failures: Int {
        if case .failing(_, let failures) = self { failures } else { 0 }
    }

    /// How long to leave the disk alone; zero while it works.
    var pause: Duration {
        switch failures {
        case 0: .zero
        case 1...3: Self.shortestPause * (1 << (failures - 1))
        default: Self.longestPause
        }
    }
}

#endif

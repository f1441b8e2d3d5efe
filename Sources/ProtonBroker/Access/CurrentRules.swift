// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The current rules; each of the broker's threads may use them.
final class CurrentRules: Sendable {
    private let rules: Mutex<AccessRules?>
    /// Increases with every change, so that answers can be cached.
    private let changes = Atomic<UInt64>(1)

    /// - Parameter rules: nil allows everything.
    init(_ rules: AccessRules?) { self.rules = Mutex(rules) }

    var version: UInt64 { changes.load(ordering: .acquiring) }

    var current: AccessRules? { rules.withLock { $0 } }

    func replace(with rules: AccessRules?) {
        self.rules.withLock { $0 = rules }
        changes.wrappingAdd(1, ordering: .releasing)
    }
}

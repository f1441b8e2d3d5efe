// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import ProtonBroker
import Testing

@testable import ProtonBrokerStore

/// What is reported of a store that fails, and how long it leaves the disk alone.
struct HealthTests {
    private enum Write: Sendable {
        case fails(String)
        case succeeds
    }

    /// Writes in order, what is reported of them, and the pause after the last one in milliseconds.
    private static let cases: [([Write], [StoreReport?], Int)] = [
        ([.succeeds], [nil], 0),
        ([.fails("a")], [.failing("a")], 250),
        ([.fails("a"), .fails("a")], [.failing("a"), nil], 500),
        ([.fails("a"), .fails("b"), .fails("b")], [.failing("a"), .failing("b"), nil], 1_000),
        ([.fails("a"), .fails("b"), .fails("a")], [.failing("a"), .failing("b"), .failing("a")], 1_000),
        ([.fails("a"), .succeeds], [.failing("a"), .recovered], 0),
        ([.fails("a"), .succeeds, .succeeds], [.failing("a"), .recovered, nil], 0),
        ([.fails("a"), .succeeds, .fails("a")], [.failing("a"), .recovered, .failing("a")], 250),
        (
            [Write](repeating: .fails("a"), count: 100), [.failing("a")] + [StoreReport?](repeating: nil, count: 99),
            2_000
        ),
    ]

    @Test func everyChangeIsReportedOnce() {
        for (writes, reports, pause) in Self.cases {
            var health = StoreHealth.working
            let found = writes.map { write in
                switch write {
                case .fails(let reason): health.noteFailure(reason)
                case .succeeds: health.noteSuccess()
                }
            }
            #expect(found == reports, "\(writes)")
            #expect(health.pause == .milliseconds(pause), "\(writes)")
        }
    }
}

#endif

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import ProtonBroker
import ProtonBrokerStore
import Testing

@testable import store_writer

/// Random lives of a store, beside a model of it.
struct PropertyTests {
    @Test(.timeLimit(.minutes(1)), arguments: UInt64(1)...8) func storesHoldWhatTheModelHolds(_ seed: UInt64) throws {
        let folder = try Folder()
        var random = SplitMix(state: seed)
        var script = StoreScript(seed: seed, StoreModel())
        // Opened and closed at random points.
        for life in 0..<6 {
            let store = try SQLiteStore(folder.file())
            #expect(try store.recovered() == script.model.items, "life \(life)")
            let reports = try store.started()
            for _ in 0..<random.next(below: 800) {
                let last = store.write(script.next())
                // Sometimes the disk catches up: groups are of every size.
                if random.next(below: 40) == 0 { #expect(reports.reaches(last)) }
            }
            try store.close()
        }
        #expect(try contents(folder.file()) == script.model.items)
    }
}

#endif

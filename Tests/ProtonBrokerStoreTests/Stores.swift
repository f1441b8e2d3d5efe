// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Proton
import ProtonBroker
import ProtonBrokerStore
import ProtonUtilities

@testable import store_writer

/// The reports of a store, to be waited for.
final class Reports: Sendable {
    private let reports = Monitor<[StoreReport]>([])

    /// All of them, in order.
    var all: [StoreReport] { reports.withLock { $0 } }

    /// The sequence numbers that were reported as durable.
    var durable: [UInt64] {
        all.compactMap { if case .written(let number) = $0 { number } else { nil } }
    }

    func append(_ report: StoreReport) { reports.withLock { $0.append(report) } }

    /// Waits until a group is durable.
    /// - Returns: whether it is, within ten seconds.
    func reaches(_ number: UInt64, within limit: Duration = .seconds(10)) -> Bool {
        waits(within: limit) { if case .written(let last) = $0 { last >= number } else { false } }
    }

    /// Waits until the store reports that it fails, with some words.
    func tellsOfFailure(_ words: String) -> Bool {
        waits { if case .failing(let reason) = $0 { reason.contains(words) } else { false } }
    }

    private func waits(within limit: Duration = .seconds(10), _ isRight: (StoreReport) -> Bool) -> Bool {
        reports.wait(until: Deadline(after: limit)) { $0.contains(where: isRight) ? () : nil } != nil
    }
}

extension SQLiteStore {
    /// Starts it, and keeps its reports.
    func started() throws -> Reports {
        let reports = Reports()
        try start { reports.append($0) }
        return reports
    }

    /// All that it reads.
    func recovered() throws -> [StoredItem] {
        var items: [StoredItem] = []
        try recover { items.append($0) }
        return items
    }
}

/// All that a file holds.
func contents(_ path: String) throws -> [StoredItem] {
    let store = try SQLiteStore(path)
    let items = try store.recovered()
    try store.close()
    return items
}

/// A queue by its number.
func queue(_ id: UInt64) -> StoredQueue { StoredQueue(id: id, address: "queue-\(id)") }

/// A message by its place.
func message(_ place: UInt64, in queue: UInt64 = 1, _ bytes: [UInt8] = [1, 2, 3]) -> StoredMessage {
    StoredMessage(
        queue: queue, place: place, arrival: Timestamp(milliseconds: Int64(truncatingIfNeeded: place) &- 7),
        bytes: bytes)
}

#endif

import Proton
import ProtonBroker
import ProtonBrokerStore
import ProtonUtilities

@testable import store_writer

/// How far a store has written, to be waited for.
final class Progress: Sendable {
    private let numbers = Monitor<[UInt64]>([])

    /// The numbers that were told.
    var told: [UInt64] { numbers.withLock { $0 } }

    /// Takes a number.
    func tell(_ number: UInt64) { numbers.withLock { $0.append(number) } }

    /// Waits until a change is written.
    /// - Returns: whether it is, within ten seconds.
    func reaches(_ number: UInt64, within limit: Duration = .seconds(10)) -> Bool {
        numbers.wait(until: Deadline(after: limit)) { ($0.last ?? 0) >= number ? () : nil } != nil
    }
}

extension SQLiteStore {
    /// Starts it, and makes a progress to wait for.
    func started() throws -> Progress {
        let progress = Progress()
        try start { progress.tell($0) }
        return progress
    }

    /// All that it gives back.
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

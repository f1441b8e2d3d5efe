// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities
import Synchronization

/// The memory of the messages of all queues, counted from any thread, and the queues that wait for memory.
final class MemoryBudget: Sendable {
    let limit: Int
    private let count = Atomic(0)
    /// Whether a queue waits: this can be read without a lock.
    private let hasWaiting = Atomic(false)
    private let waiting = Mutex<[ObjectIdentifier: Queue]>([:])

    init(limit: Int) { self.limit = limit }

    /// How many bytes the messages of all queues use.
    var used: Int { count.load(ordering: .relaxed) }

    /// Whether another message may be added.
    var hasRoom: Bool { used < limit }

    /// Adds memory that was allocated, or, if negative, freed.
    /// - Returns: the queues that waited for memory, if a quarter of the limit is free again.
    func add(_ bytes: Int) -> [Queue] {
        let used = count.wrappingAdd(bytes, ordering: .relaxed).newValue
        guard bytes < 0, used <= limit / 4 * 3, hasWaiting.load(ordering: .relaxed) else { return [] }
        return takeWaiting()
    }

    private func takeWaiting() -> [Queue] {
        hasWaiting.store(false, ordering: .relaxed)
        return waiting.withLock { Array(exchange(&$0, with: [:]).values) }
    }

    /// Registers a queue to be notified when there is memory again.
    /// - Returns: the queues to notify now: there may be memory since the queue checked.
    func wait(_ queue: Queue) -> [Queue] {
        waiting.withLock { $0[ObjectIdentifier(queue)] = queue }
        hasWaiting.store(true, ordering: .sequentiallyConsistent)
        return used <= limit / 4 * 3 ? takeWaiting() : []
    }

    /// Removes a queue that waits.
    func stopWaiting(_ queue: Queue) {
        guard hasWaiting.load(ordering: .relaxed) else { return }
        waiting.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(queue)) }
    }
}

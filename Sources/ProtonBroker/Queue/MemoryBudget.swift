// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities
import Synchronization

/// The memory that the messages of all queues take, counted from any thread, and the queues that wait for some.
final class MemoryBudget: Sendable {
    let limit: Int
    private let count = Atomic(0)
    /// Whether a queue waits: a look that costs no lock.
    private let hasWaiting = Atomic(false)
    private let waiting = Mutex<[ObjectIdentifier: Queue]>([:])

    init(limit: Int) { self.limit = limit }

    /// How many bytes the messages of all queues take.
    var used: Int { count.load(ordering: .relaxed) }

    /// Whether a message may come.
    var hasRoom: Bool { used < limit }

    /// Counts memory that was taken, or freed where the number is negative.
    /// - Returns: the queues that waited for room, where there is some again: a quarter of the limit.
    func add(_ bytes: Int) -> [Queue] {
        let used = count.wrappingAdd(bytes, ordering: .relaxed).newValue
        guard bytes < 0, used <= limit / 4 * 3, hasWaiting.load(ordering: .relaxed) else { return [] }
        return takeWaiting()
    }

    private func takeWaiting() -> [Queue] {
        hasWaiting.store(false, ordering: .relaxed)
        return waiting.withLock { Array(exchange(&$0, with: [:]).values) }
    }

    /// Has a queue told once there is room again.
    /// - Returns: the queues to be told now: there may be room since the queue looked.
    func wait(_ queue: Queue) -> [Queue] {
        waiting.withLock { $0[ObjectIdentifier(queue)] = queue }
        hasWaiting.store(true, ordering: .sequentiallyConsistent)
        return used <= limit / 4 * 3 ? takeWaiting() : []
    }

    /// Forgets a queue that waits.
    func stopWaiting(_ queue: Queue) {
        guard hasWaiting.load(ordering: .relaxed) else { return }
        waiting.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(queue)) }
    }
}

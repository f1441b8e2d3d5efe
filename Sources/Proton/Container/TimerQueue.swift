// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import HeapModule
import ProtonEngine

/// What is to happen later, in the order of its time.
///
/// A value that knows no clock: its owner tells it the time, and asks when to come back.
struct TimerQueue {
    /// Names an entry.
    typealias ID = UInt64

    /// What has to be done now.
    struct Due {
        let deadline: ContinuousClock.Instant
        let action: () throws -> Void
    }

    private struct Entry: Comparable {
        let deadline: ContinuousClock.Instant
        let id: ID

        static func < (left: Entry, right: Entry) -> Bool {
            (left.deadline, left.id) < (right.deadline, right.id)
        }
    }

    private struct Action {
        let keepsRunning: Bool
        let body: () throws -> Void
    }

    private var heap = Heap<Entry>()
    private var actions: [ID: Action] = [:]
    private var lastID: ID = 0
    /// How many entries keep a container running.
    private(set) var activeCount = 0

    /// Adds an entry.
    /// - Parameter keepsRunning: whether the container runs at least until then.
    mutating func add(
        at deadline: ContinuousClock.Instant, keepsRunning: Bool, _ body: @escaping () throws -> Void
    ) -> ID {
        lastID += 1
        heap.insert(Entry(deadline: deadline, id: lastID))
        actions[lastID] = Action(keepsRunning: keepsRunning, body: body)
        if keepsRunning { activeCount += 1 }
        return lastID
    }

    /// Takes an entry out.
    /// - Returns: whether it was there.
    @discardableResult
    mutating func cancel(_ id: ID) -> Bool {
        guard let action = actions.removeValue(forKey: id) else { return false }
        if action.keepsRunning { activeCount -= 1 }
        dropCancelled()
        return true
    }

    /// Takes out the entry that is due first, where one is due.
    mutating func popDue(_ now: ContinuousClock.Instant) -> Due? {
        dropCancelled()
        guard let first = heap.min, first.deadline <= now else { return nil }
        heap.removeMin()
        guard let action = actions.removeValue(forKey: first.id) else { return nil }
        if action.keepsRunning { activeCount -= 1 }
        return Due(deadline: first.deadline, action: action.body)
    }

    /// When to come back; nil where nothing waits.
    var nextDeadline: ContinuousClock.Instant? { heap.min?.deadline }

    /// Takes everything out.
    mutating func removeAll() {
        heap = Heap()
        actions = [:]
        activeCount = 0
    }

    /// Entries in the middle of the heap that were cancelled go when they come to its top.
    private mutating func dropCancelled() {
        while let first = heap.min, actions[first.id] == nil { heap.removeMin() }
    }
}

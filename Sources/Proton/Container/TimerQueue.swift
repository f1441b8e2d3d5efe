// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import HeapModule
import ProtonEngine

/// The pending timers, in the order of their deadlines.
///
/// A value without a clock: its owner passes the time, and asks for the next deadline.
struct TimerQueue {
    /// Identifies an entry.
    typealias ID = UInt64

    /// A timer that is due.
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
    /// - Parameter keepsRunning: whether the container runs at least until the deadline.
    mutating func add(
        at deadline: ContinuousClock.Instant, keepsRunning: Bool, _ body: @escaping () throws -> Void
    ) -> ID {
        lastID += 1
        heap.insert(Entry(deadline: deadline, id: lastID))
        actions[lastID] = Action(keepsRunning: keepsRunning, body: body)
        if keepsRunning { activeCount += 1 }
        return lastID
    }

    /// Removes an entry.
    /// - Returns: whether it existed.
    @discardableResult
    mutating func cancel(_ id: ID) -> Bool {
        guard let action = actions.removeValue(forKey: id) else { return false }
        if action.keepsRunning { activeCount -= 1 }
        dropCancelled()
        return true
    }

    /// Removes and returns the first entry that is due, if there is one.
    mutating func popDue(_ now: ContinuousClock.Instant) -> Due? {
        dropCancelled()
        guard let first = heap.min, first.deadline <= now else { return nil }
        heap.removeMin()
        guard let action = actions.removeValue(forKey: first.id) else { return nil }
        if action.keepsRunning { activeCount -= 1 }
        return Due(deadline: first.deadline, action: action.body)
    }

    /// The next deadline; nil if there are no entries.
    var nextDeadline: ContinuousClock.Instant? { heap.min?.deadline }

    /// Removes all entries.
    mutating func removeAll() {
        heap = Heap()
        actions = [:]
        activeCount = 0
    }

    /// Removes cancelled entries from the top of the heap; others stay in it until they get there.
    private mutating func dropCancelled() {
        while let first = heap.min, actions[first.id] == nil { heap.removeMin() }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import ProtonBroker
import Testing

@testable import ProtonBrokerStore
@testable import store_writer

/// What of the changes in a batch is written.
struct BatchTests {
    /// Changes, and what of them is written as removals, as updates, and otherwise.
    struct Case: Sendable {
        let changes: [StoreChange]
        var removals: [UInt64] = []
        var updates: [UInt64: [UInt8]] = [:]
        var rest: [StoreChange] = []
    }

    private static func update(_ place: UInt64, _ details: UInt8...) -> StoreChange {
        .update(queue: 1, place: place, details: details)
    }

    private static func remove(_ place: UInt64) -> StoreChange { .remove(queue: 1, place: place) }

    private static func added(_ place: UInt64, _ details: UInt8...) -> StoreChange {
        var message = message(place)
        message.details = details
        return .add(message)
    }

    private static let queueTwice: [StoreChange] = [
        .makeQueue(queue(1)), added(1), .removeQueue(id: 1), .makeQueue(queue(1)), added(1),
    ]

    @Test(arguments: [
        // Additions and removals.
        Case(changes: []),
        Case(changes: [added(1), added(2)], rest: [added(1), added(2)]),
        Case(changes: [added(1), remove(1)]),
        Case(changes: [remove(1)], removals: [1]),
        Case(changes: [remove(1), added(1), remove(1)], removals: [1]),
        Case(changes: [added(1), remove(1), added(1)], rest: [added(1)]),
        Case(changes: [.add(message(1, in: 2)), remove(1)], removals: [1], rest: [.add(message(1, in: 2))]),
        Case(changes: queueTwice, rest: queueTwice),
        Case(
            changes: queueTwice + [remove(1)],
            rest: [.makeQueue(queue(1)), added(1), .removeQueue(id: 1), .makeQueue(queue(1))]),
        // Updates.
        Case(changes: [update(1, 5), update(2, 6)], updates: [1: [5], 2: [6]]),
        Case(changes: [update(1, 5), update(1, 6)], updates: [1: [6]]),
        Case(changes: [update(1, 5), update(1)], updates: [1: []]),
        Case(changes: [update(1, 5), remove(1)], removals: [1]),
        Case(changes: [update(1, 5), remove(2)], removals: [2], updates: [1: [5]]),
        // Updates of messages that are added.
        Case(changes: [added(1), update(1, 5)], rest: [added(1, 5)]),
        Case(changes: [added(1), update(1, 5), update(1, 6)], rest: [added(1, 6)]),
        Case(changes: [added(1), update(1, 5), remove(1)]),
        Case(changes: [added(2), update(1, 5)], updates: [1: [5]], rest: [added(2)]),
        Case(changes: [update(1, 5), remove(1), added(1)], removals: [1], rest: [added(1)]),
        Case(changes: [remove(1), added(1), update(1, 5)], removals: [1], rest: [added(1, 5)]),
        Case(changes: [.add(message(1, in: 2)), update(1, 5)], updates: [1: [5]], rest: [.add(message(1, in: 2))]),
        Case(changes: [update(1, 5), .removeQueue(id: 1)], updates: [1: [5]], rest: [.removeQueue(id: 1)]),
    ])
    func changesThatMeetAreWrittenOnce(_ expected: Case) {
        // As one group, and as several.
        for size in 1...max(1, expected.changes.count) {
            var batch = StoreBatch()
            for start in stride(from: 0, to: expected.changes.count, by: size) {
                batch.append(Array(expected.changes[start..<min(start + size, expected.changes.count)]))
            }
            #expect(batch.removals.map(\.place) == expected.removals)
            #expect(batch.updatesByPlace == expected.updates)
            #expect(batch.changes.compactMap(\.self) == expected.rest)
            #expect(batch.count == expected.removals.count + expected.updates.count + expected.rest.count)
            #expect(batch.isEmpty == (batch.count == 0))
        }
    }

    /// What is written of a batch, and of changes after its write has failed.
    @Test(arguments: [
        Case(changes: [], rest: [added(1), added(2)]),
        Case(changes: [remove(1)], removals: [1], rest: [added(2)]),
        Case(changes: [remove(1), remove(2)], removals: [1, 2]),
        Case(changes: [added(3), remove(3)], rest: [added(1), added(2)]),
        Case(changes: [update(2, 7)], rest: [added(1), added(2, 7)]),
        Case(changes: [update(2, 7), remove(2)], removals: [2], rest: [added(1)]),
        Case(changes: [remove(1), added(1, 9)], removals: [1], rest: [added(2), added(1, 9)]),
        Case(changes: [update(9, 7)], updates: [9: [7]], rest: [added(1), added(2)]),
    ])
    func afterAFailureTheStoreMayHoldIt(_ expected: Case) {
        for failures in 1...3 {
            var batch = StoreBatch()
            batch.append([Self.added(1), Self.added(2)])
            // The last time with later changes.
            for failure in 1...failures {
                var later = StoreBatch()
                if failure == failures { later.append(expected.changes) }
                batch.appendAfterFailure(later)
            }
            #expect(batch.removals.map(\.place) == expected.removals)
            #expect(batch.updatesByPlace == expected.updates)
            #expect(batch.changes.compactMap(\.self) == expected.rest)
        }
    }

    @Test func cancelledChangesTakeNoRoom() {
        var batch = StoreBatch()
        batch.append([.makeQueue(queue(1)), Self.added(1), Self.added(2)])
        batch.appendAfterFailure(StoreBatch())
        for place in UInt64(10)..<100_000 {
            batch.append([Self.added(place), Self.update(place, 1), Self.remove(place)])
        }
        #expect(batch.changes.count < 3_000)
        #expect(batch.removals.isEmpty)
        // What is left is found.
        batch.append([Self.update(1, 4), Self.remove(2), Self.added(3), Self.remove(3)])
        #expect(batch.removals.map(\.place) == [2])
        #expect(batch.changes.compactMap(\.self) == [.makeQueue(queue(1)), Self.added(1, 4)])
    }

    /// A store that writes batches holds what one holds that makes each change, also after failures.
    @Test(arguments: UInt64(1)...20) func batchesHoldWhatTheirChangesMake(_ seed: UInt64) {
        var random = SplitMix(state: seed)
        var script = StoreScript(seed: seed, StoreModel())
        var found = StoreModel()
        for round in 0..<50 {
            var batch = StoreBatch()
            for _ in 0..<random.next(below: 60) { batch.append(script.next()) }
            while random.next(below: 3) == 0 {
                // It is in the store all the same, as far as anybody knows.
                if random.next(below: 2) == 0 { batch.apply(to: &found) }
                var later = StoreBatch()
                for _ in 0..<random.next(below: 30) { later.append(script.next()) }
                batch.appendAfterFailure(later)
            }
            batch.apply(to: &found)
            #expect(found == script.model, "seed \(seed), round \(round)")
        }
    }
}

extension StoreBatch {
    /// The updates of queue 1.
    fileprivate var updatesByPlace: [UInt64: [UInt8]] {
        Dictionary(uniqueKeysWithValues: updates.compactMap { $0.queue == 1 ? ($0.place, $1) : nil })
    }

    /// Writes it as a file does.
    fileprivate func apply(to model: inout StoreModel) {
        for place in removals { model.apply(.remove(queue: place.queue, place: place.place)) }
        for (place, details) in updates {
            model.apply(.update(queue: place.queue, place: place.place, details: details))
        }
        for case .some(let change) in changes {
            // Replaces, where it was written before.
            if case .add(let message) = change { model.apply(.remove(queue: message.queue, place: message.place)) }
            model.apply(change)
        }
    }
}

#endif

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import ProtonBroker

/// The changes of one or more groups, to be written in one transaction, without those that cancel out.
struct StoreBatch {
    /// Messages to remove that were in the store before the batch. They are written first, to make room.
    private(set) var removals: [MessagePlace] = []
    /// New details of messages that were in the store before the batch. They are written after the removals.
    private(set) var updates: [MessagePlace: [UInt8]] = [:]
    /// All other changes, in order; nil where a change was cancelled.
    private(set) var changes: [StoreChange?] = []
    /// The index in `changes` of each message that was added and not removed.
    private var added: [MessagePlace: Int] = [:]
    /// How many of `changes` are nil.
    private var cancelled = 0
    /// How many of `changes`, from the first, may be in the store: a write of them failed at an unknown moment.
    private var tried = 0

    /// How many cancelled changes are kept before their room is freed.
    private static let keptCancelled = 1_024

    /// Whether there is nothing to write.
    var isEmpty: Bool { removals.isEmpty && updates.isEmpty && changes.count == cancelled }

    /// How many changes there are to write.
    var count: Int { removals.count + updates.count + changes.count - cancelled }

    /// Appends a group.
    mutating func append(_ group: [StoreChange]) {
        for change in group { append(change) }
    }

    /// Appends one change.
    ///
    /// A message that is added and removed within the batch is not written, unless a write of it was tried. An update goes
    /// into the change that adds its message, or replaces the update before it. Nothing else in the batch is about a
    /// message that a removal or an update of an earlier message names, so both may be written first.
    mutating func append(_ change: StoreChange) {
        switch change {
        case .add(let message):
            added[MessagePlace(queue: message.queue, place: message.place)] = changes.count
            changes.append(change)
        case .remove(let queue, let place):
            let place = MessagePlace(queue: queue, place: place)
            if let index = added.removeValue(forKey: place) {
                cancel(index)
                if index < tried { removals.append(place) }
                freeCancelled()
            } else {
                removals.append(place)
                if !updates.isEmpty { updates[place] = nil }
            }
        case .update(let queue, let place, let details):
            let place = MessagePlace(queue: queue, place: place)
            if let index = added[place], case .add(var message)? = changes[index] {
                message.details = details
                changes[index] = .add(message)
            } else {
                updates[place] = details
            }
        case .makeQueue, .removeQueue:
            changes.append(change)
        }
    }

    private mutating func cancel(_ index: Int) {
        changes[index] = nil
        cancelled += 1
    }

    /// Frees the room of cancelled changes once they are most of `changes`, so that the cost stays constant for each.
    private mutating func freeCancelled() {
        guard cancelled > Self.keptCancelled, cancelled > changes.count / 2 else { return }
        var kept: [StoreChange?] = []
        kept.reserveCapacity(changes.count - cancelled)
        var keptTried = 0
        for (index, change) in changes.enumerated() {
            guard let change else { continue }
            if case .add(let message) = change {
                let place = MessagePlace(queue: message.queue, place: message.place)
                // Of two messages that were added at one place, the second is the one that may be removed.
                if added[place] == index { added[place] = kept.count }
            }
            kept.append(change)
            if index < tried { keptTried += 1 }
        }
        (changes, cancelled, tried) = (kept, 0, keptTried)
    }

    /// Appends a later batch to this one, whose write has failed: nobody knows whether it is in the store.
    mutating func appendAfterFailure(_ later: StoreBatch) {
        tried = changes.count
        for place in later.removals { append(.remove(queue: place.queue, place: place.place)) }
        for (place, details) in later.updates {
            append(.update(queue: place.queue, place: place.place, details: details))
        }
        for case .some(let change) in later.changes { append(change) }
    }
}

/// A message in the store: its queue, and its place there.
struct MessagePlace: Hashable {
    let queue: UInt64
    let place: UInt64
}

#endif

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// The effects of a change of a queue's state, which the queue executes.
///
/// The store is called first, while the state is still locked, so that it gets the changes in order; the rest is executed when
/// the lock is released. For most messages the only effect is to wake one consumer.
struct QueueEffects {
    /// Further effects, which few changes have.
    struct More {
        /// Further consumers that have work to do.
        var woken: [ConsumerID] = []
        /// Consumers that continue their search after other work.
        var searching: [ConsumerID] = []
        /// Producers that get credit.
        var grants: [(producer: ProducerID, count: Int)] = []
        /// Producers that are asked to return unused credit.
        var returns: [ProducerID] = []
        /// Whether producers get no credit since the queue has no room.
        var isCreditWithheld = false
        /// Whether producers get no credit since all queues together have no room.
        var waitsForMemory = false
        /// Messages for the dead-letter queue; the store still contains those that it keeps.
        var deadLetters: [(message: QueuedMessage, reason: DeadLetterReason)] = []
        /// Messages that were dropped, by reason.
        var drops: [DropReason: Int] = [:]
        /// How often consumers do not get a message since it is too large for them.
        var oversized = 0
        /// When the queue has to be called because time has passed.
        var wakeTime: Int64?
        /// The changes that the store has to write, as one group.
        var changes: [StoreChange] = []
    }

    /// Why an accepted message was dropped.
    enum DropReason: Hashable, Sendable {
        /// The queue was full.
        case limit
        /// A consumer rejected it, and there is no dead-letter address.
        case rejected
        /// Its deliveries failed as often as the limit allows, and there is no dead-letter address.
        case deliveryLimit
        /// Its time to live has passed.
        case expired
    }

    /// A consumer that has work to do: mostly there is only one.
    private(set) var woken: ConsumerID?
    private(set) var more: More?

    mutating func wake(_ consumer: ConsumerID) {
        if woken == nil { woken = consumer } else { edit { $0.woken.append(consumer) } }
    }

    mutating func edit(_ body: (inout More) -> Void) {
        var more = exchange(&more, with: nil) ?? More()
        body(&more)
        self.more = more
    }

    mutating func persist(_ change: StoreChange) { edit { $0.changes.append(change) } }

    mutating func drop(_ reason: DropReason) { edit { $0.drops[reason, default: 0] += 1 } }
}

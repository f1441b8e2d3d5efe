// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// What a change of a queue's state asks for, to be done by the queue that owns the state.
///
/// The store is told first, while the state is still locked, so that changes come to it in their order; the rest is done
/// once the lock is released. Most messages ask for nothing but one consumer to be woken.
struct QueueEffects {
    /// What else there is, of few changes.
    struct More {
        /// Further consumers with something to do.
        var woken: [ConsumerID] = []
        /// Consumers that go on with their search once others had their turn.
        var searching: [ConsumerID] = []
        /// Producers that get credit.
        var grants: [(producer: ProducerID, count: Int)] = []
        /// Producers that are asked to give back credit that they do not use.
        var returns: [ProducerID] = []
        /// Whether producers get no credit since the queue has no room.
        var isCreditWithheld = false
        /// Whether producers get no credit since all queues together have no room.
        var waitsForMemory = false
        /// Messages for the dead-letter queue; the store still has those that it keeps.
        var deadLetters: [(message: QueuedMessage, reason: DeadLetterReason)] = []
        /// Messages that were dropped, by reason.
        var drops: [DropReason: Int] = [:]
        /// Consumers that do not get a message since it is too large for them.
        var oversized = 0
        /// When the queue is to be told that time has passed.
        var wakeTime: Int64?
        /// What the store has to write, as one.
        var changes: [StoreChange] = []
    }

    /// Why a message was dropped that was accepted before.
    enum DropReason: Hashable, Sendable {
        /// The queue was full.
        case limit
        /// A consumer rejected it, and there is no dead-letter address.
        case rejected
        /// Its deliveries failed as often as they may, and there is no dead-letter address.
        case deliveryLimit
        /// Its time to live was over.
        case expired
    }

    /// A consumer with something to do: mostly there is one.
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

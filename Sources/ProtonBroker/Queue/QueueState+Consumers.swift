// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import Proton
import ProtonUtilities

/// The operations of consumers on a queue.
extension QueueState {
    /// The next step of a consumer's link.
    enum NextStep {
        /// It sends the messages that it got, and asks again.
        case send
        /// It returns the unused credit (AMQP 1.0, 2.6.7).
        case endDrain
        /// It waits until it is woken.
        case wait
    }

    /// A message to send, and the number under which it is unsettled; a browser's message is a copy, without a number.
    struct Outgoing {
        let message: QueuedMessage
        let slot: Int?
    }

    // MARK: Adding and removing

    /// Adds a consumer, which has no credit yet.
    mutating func addConsumer(selection: Selection?, maxUnsettled: Int) -> ConsumerID {
        let consumer = ConsumerState(selection: selection, maxUnsettled: maxUnsettled)
        let id = freeConsumers.popLast() ?? ConsumerID(index: consumers.count)
        if id.index < consumers.count { consumers[id.index] = consumer } else { consumers.append(consumer) }
        if selection != nil { selective.append(id) }
        return id
    }

    /// Removes a consumer whose link is closed.
    ///
    /// Its unsettled messages get an outcome now, except for those in transactions.
    mutating func removeConsumer(_ id: ConsumerID, _ outcome: Outcome, _ effects: inout QueueEffects) {
        if consumers[id.index].turn == .inLine, let index = line.firstIndex(of: id) { line.remove(at: index) }
        selective.removeAll { $0 == id }
        consumers[id.index].phase = .closed
        consumers[id.index].turn = .none
        takeBackReady(of: id, keeping: 0, &effects)
        for message in consumers[id.index].removeAll() { dispose(of: message, outcome, had: id, &effects) }
        freeIfUnused(id)
        dispatch(&effects)
        resumeProducers(&effects)
    }

    private mutating func freeIfUnused(_ id: ConsumerID) {
        guard case .closed = consumers[id.index].phase, consumers[id.index].unsettledCount == 0 else { return }
        consumers[id.index] = ConsumerState(selection: nil, maxUnsettled: 0)
        consumers[id.index].phase = .closed
        freeConsumers.append(id)
    }

    // MARK: Credit

    /// Sets the credit of a consumer's link, and whether its socket accepts messages.
    /// - Parameters:
    ///   - credit: how many messages the link may send, in addition to those that it has sent.
    ///   - unsent: the messages that `next` handed out and that it could not send, in order.
    ///   - isBlocked: whether it cannot send now.
    ///   - isDraining: whether the peer drains: it wants unused credit back.
    mutating func setCredit(
        _ credit: Int, of id: ConsumerID, unsent: [Outgoing] = [], isBlocked: Bool, isDraining: Bool,
        _ effects: inout QueueEffects
    ) {
        if case .closed = consumers[id.index].phase { return }
        consumers[id.index].phase = isBlocked ? .blocked : .open
        // Its link has stopped sending, even if it was woken.
        if isBlocked { consumers[id.index].isAwake = false }
        consumers[id.index].credit = max(0, credit)
        consumers[id.index].isDraining = isDraining && credit > 0
        // Ready messages come after those that were handed out.
        takeBackReady(of: id, keeping: isBlocked || !unsent.isEmpty ? 0 : max(0, credit), &effects)
        // The last ones first, so that each is inserted before the others.
        for one in unsent.reversed() {
            if let slot = one.slot {
                takeBackUnsent(slot, of: id, &effects)
            } else {
                // The browser has not received it.
                consumers[id.index].selection?.note(one.message.place)
            }
        }
        enterLine(id)
        dispatch(&effects)
        if !isBlocked, consumers[id.index].isDraining { wake(id, &effects) }
        // Returned messages may have expired.
        resumeProducers(&effects)
    }

    /// Returns messages to the queue that were ready for a consumer, the last ones first.
    mutating func takeBackReady(of id: ConsumerID, keeping count: Int, _ effects: inout QueueEffects) {
        while consumers[id.index].ready.count > count, let message = consumers[id.index].ready.popLast() {
            if !consumers[id.index].isBrowser {
                putBack(message, &effects)
            } else {
                // It has not received it.
                consumers[id.index].selection?.note(message.place)
            }
        }
    }

    /// Continues the search for a consumer.
    mutating func resumeSearch(for id: ConsumerID, _ effects: inout QueueEffects) {
        guard consumers[id.index].turn == .searching else { return }
        consumers[id.index].turn = .none
        enterLine(id)
        dispatch(&effects)
        if consumers[id.index].isDraining, consumers[id.index].turn != .searching { wake(id, &effects) }
    }

    // MARK: Sending

    /// The next step of a consumer's link; called again until it is to wait.
    /// - Parameter outgoing: receives the messages that are ready for it.
    mutating func next(
        for id: ConsumerID, _ outgoing: inout [Outgoing], _ effects: inout QueueEffects
    ) -> NextStep {
        while true {
            if consumers[id.index].ready.isEmpty { refill(id, &effects) }
            if consumers[id.index].ready.isEmpty { break }
            let expired = consumers[id.index].takeReady(&outgoing, clock: clock)
            for message in expired { deadLetter(message, .expired, &effects) }
            if !expired.isEmpty { resumeProducers(&effects) }
            if !outgoing.isEmpty { return .send }
            // All of them have expired: there may be further ones.
        }
        consumers[id.index].isAwake = false
        guard consumers[id.index].isDraining, consumers[id.index].phase == .open,
            consumers[id.index].turn != .searching
        else { return .wait }
        consumers[id.index].isDraining = false
        consumers[id.index].credit = 0
        return .endDrain
    }

    /// Makes more messages ready, if there are any.
    private mutating func refill(_ id: ConsumerID, _ effects: inout QueueEffects) {
        // Also if there are none: it may have left the line because it had as many ready as possible.
        enterLine(id)
        if !messages.isEmpty { dispatch(&effects) }
    }

    private mutating func takeBackUnsent(_ slot: Int, of id: ConsumerID, _ effects: inout QueueEffects) {
        if let message = consumers[id.index].remove(slot) { putBack(message, &effects) }
    }

    /// Handles a message that is too large for a consumer: the consumer's credit is restored, and it does not get the message
    /// again.
    mutating func refuseOversized(_ unsent: Outgoing, of id: ConsumerID, _ effects: inout QueueEffects) {
        if let slot = unsent.slot, consumers[id.index][slot] == nil { return }
        consumers[id.index].credit += 1
        refuse(unsent.message.place, for: id)
        if let slot = unsent.slot { takeBackUnsent(slot, of: id, &effects) }
        effects.edit { $0.oversized += 1 }
        enterLine(id)
        dispatch(&effects)
        resumeProducers(&effects)
    }

    // MARK: Outcomes

    /// Settles a message with an outcome (AMQP 1.0, 3.4).
    /// - Parameter isStored: whether the change is in the store already, as for a transaction.
    mutating func settle(
        _ slot: Int, of id: ConsumerID, _ outcome: Outcome, isStored: Bool = false, _ effects: inout QueueEffects
    ) {
        guard var message = consumers[id.index].remove(slot) else { return }
        if isStored { message.isStored = false }
        dispose(of: message, outcome, had: id, &effects)
        enterLine(id)
        freeIfUnused(id)
        dispatch(&effects)
        resumeProducers(&effects)
    }

    /// Settles messages as accepted.
    mutating func settleAccepted(_ slots: [Int], of id: ConsumerID, _ effects: inout QueueEffects) {
        var isAnyThere = false
        for slot in slots {
            guard let message = consumers[id.index].remove(slot) else { continue }
            isAnyThere = true
            end(message, &effects)
        }
        // A consumer that has been removed is free already.
        guard isAnyThere else { return }
        enterLine(id)
        freeIfUnused(id)
        dispatch(&effects)
        resumeProducers(&effects)
    }

    /// Applies an outcome to a message that a consumer had.
    private mutating func dispose(
        of message: consuming QueuedMessage, _ outcome: Outcome, had id: ConsumerID, _ effects: inout QueueEffects
    ) {
        message.wasAcquired = true
        switch outcome {
        case .accepted: end(message, &effects)
        case .rejected(let condition): deadLetter(message, .rejected(condition), &effects)
        case .released: putBack(message, &effects)
        case .modified(let deliveryFailed, let undeliverableHere, let annotations):
            let before = message.memory
            message.merge(annotations)
            heldBytes += message.memory - before
            if undeliverableHere { refuse(message.place, for: id) }
            if deliveryFailed, message.failures < .max { message.failures += 1 }
            returnChanged(message, hasFailed: deliveryFailed, &effects)
        }
    }

    /// Returns a message whose delivery failed, or whose annotations changed: now, later, or as a dead letter.
    private mutating func returnChanged(
        _ message: QueuedMessage, hasFailed: Bool, _ effects: inout QueueEffects
    ) {
        if isDeleted { return end(message, &effects) }
        var delay = Duration.zero
        if hasFailed {
            switch settings.redelivery.decision(afterFailures: message.failures) {
            case .deadLetter: return deadLetter(message, .deliveryLimit(message.failures), &effects)
            case .deliver(let wait): delay = wait
            }
        }
        if message.isStored, hasFailed || message.hasAddedAnnotations {
            effects.persist(
                .update(queue: settings.storeID, place: message.place, details: message.details))
        }
        guard delay > .zero else { return putBack(message, &effects) }
        times.delay(message, until: clock.now + delay.milliseconds, in: messages)
        arrangeWake(&effects)
    }

    /// Excludes a message from a consumer that cannot process it.
    private mutating func refuse(_ place: UInt64, for id: ConsumerID) {
        if case .closed = consumers[id.index].phase { return }
        if consumers[id.index].selection == nil {
            consumers[id.index].selection = Selection()
            selective.append(id)
        }
        consumers[id.index].selection?.refuse(place) { messages.index(of: $0) != nil }
    }

    // MARK: Transactions

    /// Enlists a message's outcome in a transaction.
    /// - Returns: whether there is such a message, and it is in no transaction.
    mutating func enlist(_ slot: Int, of id: ConsumerID) -> Bool {
        guard consumers[id.index][slot]?.isInTransaction == false else { return false }
        consumers[id.index].setInTransaction(true, slot)
        return true
    }

    /// Removes a message from a transaction that is rolled back: it stays with the consumer (AMQP 1.0, 4.4.2).
    /// - Parameter outcome: the outcome if the consumer has settled it, or is removed; nil if it has not settled it.
    mutating func delist(_ slot: Int, of id: ConsumerID, _ outcome: Outcome?, _ effects: inout QueueEffects) {
        consumers[id.index].setInTransaction(false, slot)
        let isClosed = if case .closed = consumers[id.index].phase { true } else { false }
        guard let outcome = outcome ?? (isClosed ? .modified(deliveryFailed: true) : nil) else { return }
        settle(slot, of: id, outcome, &effects)
    }

    /// The change that the store has to write for an outcome in a transaction, together with the rest of the transaction; nil if
    /// it is written when the outcome takes effect.
    func change(for slot: Int, of id: ConsumerID, _ outcome: Outcome) -> StoreChange? {
        guard !isDeleted, case .accepted = outcome, let message = consumers[id.index][slot]?.message, message.isStored
        else { return nil }
        return .remove(queue: settings.storeID, place: message.place)
    }
}

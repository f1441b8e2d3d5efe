// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import Proton
import ProtonUtilities

/// What consumers do with a queue.
extension QueueState {
    /// What a consumer's link does next.
    enum NextStep {
        /// It sends the messages that it was given, and asks again.
        case send
        /// It gives back the credit that it has left (AMQP 1.0, 2.6.7).
        case endDrain
        /// It waits until it is woken.
        case wait
    }

    /// A message to send, and the number under which it is not settled; a browser's is a copy, without one.
    struct Outgoing {
        let message: QueuedMessage
        let slot: Int?
    }

    // MARK: Coming and going

    /// Takes a consumer in, which has no credit yet.
    mutating func addConsumer(selection: Selection?, maxUnsettled: Int) -> ConsumerID {
        let consumer = ConsumerState(selection: selection, maxUnsettled: maxUnsettled)
        let id = freeConsumers.popLast() ?? ConsumerID(index: consumers.count)
        if id.index < consumers.count { consumers[id.index] = consumer } else { consumers.append(consumer) }
        if selection != nil { selective.append(id) }
        return id
    }

    /// Takes a consumer away whose link is closed.
    ///
    /// What it had not settled has an outcome now, but for what transactions have.
    mutating func removeConsumer(_ id: ConsumerID, _ outcome: Outcome, _ effects: inout QueueEffects) {
        if consumers[id.index].turn == .inLine, let index = line.firstIndex(of: id) { line.remove(at: index) }
        selective.removeAll { $0 == id }
        consumers[id.index].phase = .closed
        consumers[id.index].turn = .none
        takeBackReady(of: id, keeping: 0, &effects)
        for message in consumers[id.index].removeAll() { dispose(of: message, outcome, had: id, &effects) }
        freeIfUnused(id)
        dispatch(&effects)
        relieve(&effects)
    }

    private mutating func freeIfUnused(_ id: ConsumerID) {
        guard case .closed = consumers[id.index].phase, consumers[id.index].unsettledCount == 0 else { return }
        consumers[id.index] = ConsumerState(selection: nil, maxUnsettled: 0)
        consumers[id.index].phase = .closed
        freeConsumers.append(id)
    }

    // MARK: Credit

    /// The credit of a consumer's link is another one, or its socket takes messages again, or no more.
    /// - Parameters:
    ///   - credit: how many messages the link may send, beyond those that it has sent.
    ///   - unsent: the messages that `next` handed out and that it could not send, in their order.
    ///   - isBlocked: whether it cannot send now.
    ///   - isDraining: whether the peer wants credit back that cannot be used now.
    mutating func setCredit(
        _ credit: Int, of id: ConsumerID, unsent: [Outgoing] = [], isBlocked: Bool, isDraining: Bool,
        _ effects: inout QueueEffects
    ) {
        if case .closed = consumers[id.index].phase { return }
        consumers[id.index].phase = isBlocked ? .blocked : .open
        // Its link has stopped to send, whatever it was woken for.
        if isBlocked { consumers[id.index].isAwake = false }
        consumers[id.index].credit = max(0, credit)
        consumers[id.index].isDraining = isDraining && credit > 0
        // What is ready is behind what was handed out.
        takeBackReady(of: id, keeping: isBlocked || !unsent.isEmpty ? 0 : max(0, credit), &effects)
        // Last ones first, so that each is put in front of the others.
        for one in unsent.reversed() {
            if let slot = one.slot {
                takeBackUnsent(slot, of: id, &effects)
            } else {
                // A browser has not seen it after all.
                consumers[id.index].selection?.note(one.message.place)
            }
        }
        enterLine(id)
        dispatch(&effects)
        if !isBlocked, consumers[id.index].isDraining { wake(id, &effects) }
        // What came back may have expired.
        relieve(&effects)
    }

    /// Puts messages back into the queue that were made ready for a consumer, the last ones first.
    mutating func takeBackReady(of id: ConsumerID, keeping count: Int, _ effects: inout QueueEffects) {
        while consumers[id.index].ready.count > count, let message = consumers[id.index].ready.popLast() {
            if !consumers[id.index].isBrowser {
                putBack(message, &effects)
            } else {
                // It has not seen it after all.
                consumers[id.index].selection?.note(message.place)
            }
        }
    }

    /// Goes on with the search for a consumer.
    mutating func resumeSearch(for id: ConsumerID, _ effects: inout QueueEffects) {
        guard consumers[id.index].turn == .searching else { return }
        consumers[id.index].turn = .none
        enterLine(id)
        dispatch(&effects)
        if consumers[id.index].isDraining, consumers[id.index].turn != .searching { wake(id, &effects) }
    }

    // MARK: Sending

    /// What a consumer's link does next; asked for again until it is to wait.
    /// - Parameter outgoing: gets the messages that are ready for it.
    mutating func next(
        for id: ConsumerID, _ outgoing: inout [Outgoing], _ effects: inout QueueEffects
    ) -> NextStep {
        while true {
            if consumers[id.index].ready.isEmpty { refill(id, &effects) }
            if consumers[id.index].ready.isEmpty { break }
            let expired = consumers[id.index].takeReady(&outgoing, clock: clock)
            for message in expired { deadLetter(message, .expired, &effects) }
            if !expired.isEmpty { relieve(&effects) }
            if !outgoing.isEmpty { return .send }
            // All of it has expired: there may be more in its place.
        }
        consumers[id.index].isAwake = false
        guard consumers[id.index].isDraining, consumers[id.index].phase == .open,
            consumers[id.index].turn != .searching
        else { return .wait }
        consumers[id.index].isDraining = false
        consumers[id.index].credit = 0
        return .endDrain
    }

    /// Makes more messages ready, where there are any.
    private mutating func refill(_ id: ConsumerID, _ effects: inout QueueEffects) {
        // Also where there are none: it may have left the line since it had as many ready as it may.
        enterLine(id)
        if !messages.isEmpty { dispatch(&effects) }
    }

    private mutating func takeBackUnsent(_ slot: Int, of id: ConsumerID, _ effects: inout QueueEffects) {
        if let message = consumers[id.index].remove(slot) { putBack(message, &effects) }
    }

    /// A message is too large for a consumer, which has its credit back, and does not get the message again.
    mutating func refuseOversized(_ unsent: Outgoing, of id: ConsumerID, _ effects: inout QueueEffects) {
        if let slot = unsent.slot, consumers[id.index][slot] == nil { return }
        consumers[id.index].credit += 1
        refuse(unsent.message.place, for: id)
        if let slot = unsent.slot { takeBackUnsent(slot, of: id, &effects) }
        effects.edit { $0.oversized += 1 }
        enterLine(id)
        dispatch(&effects)
        relieve(&effects)
    }

    // MARK: Outcomes

    /// A message has an outcome (AMQP 1.0, 3.4).
    /// - Parameter isStored: whether the store has been told already, as by a transaction.
    mutating func settle(
        _ slot: Int, of id: ConsumerID, _ outcome: Outcome, isStored: Bool = false, _ effects: inout QueueEffects
    ) {
        guard var message = consumers[id.index].remove(slot) else { return }
        if isStored { message.isStored = false }
        dispose(of: message, outcome, had: id, &effects)
        enterLine(id)
        freeIfUnused(id)
        dispatch(&effects)
        relieve(&effects)
    }

    /// Messages were accepted.
    mutating func settleAccepted(_ slots: [Int], of id: ConsumerID, _ effects: inout QueueEffects) {
        var isAnyThere = false
        for slot in slots {
            guard let message = consumers[id.index].remove(slot) else { continue }
            isAnyThere = true
            end(message, &effects)
        }
        // A consumer that has left is free already.
        guard isAnyThere else { return }
        enterLine(id)
        freeIfUnused(id)
        dispatch(&effects)
        relieve(&effects)
    }

    /// Does what an outcome means with a message that a consumer had.
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

    /// Puts a message back whose delivery failed, or that has other annotations: now, later, or with the dead letters.
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

    /// Keeps a message from a consumer that cannot process it.
    private mutating func refuse(_ place: UInt64, for id: ConsumerID) {
        if case .closed = consumers[id.index].phase { return }
        if consumers[id.index].selection == nil {
            consumers[id.index].selection = Selection()
            selective.append(id)
        }
        consumers[id.index].selection?.refuse(place) { messages.index(of: $0) != nil }
    }

    // MARK: Transactions

    /// Leaves a message's outcome to a transaction.
    /// - Returns: whether there is such a message, and no transaction has it.
    mutating func enlist(_ slot: Int, of id: ConsumerID) -> Bool {
        guard consumers[id.index][slot]?.isInTransaction == false else { return false }
        consumers[id.index].setInTransaction(true, slot)
        return true
    }

    /// Takes a message out of a transaction that is rolled back: the consumer has it as before (AMQP 1.0, 4.4.2).
    /// - Parameter outcome: what becomes of it where the consumer has settled it, or is gone; nil where it has not.
    mutating func delist(_ slot: Int, of id: ConsumerID, _ outcome: Outcome?, _ effects: inout QueueEffects) {
        consumers[id.index].setInTransaction(false, slot)
        let isClosed = if case .closed = consumers[id.index].phase { true } else { false }
        guard let outcome = outcome ?? (isClosed ? .modified(deliveryFailed: true) : nil) else { return }
        settle(slot, of: id, outcome, &effects)
    }

    /// What the store has to write for an outcome in a transaction, with the rest of that; nil where it is written when the
    /// outcome takes effect.
    func change(for slot: Int, of id: ConsumerID, _ outcome: Outcome) -> StoreChange? {
        guard !isDeleted, case .accepted = outcome, let message = consumers[id.index][slot]?.message, message.isStored
        else { return nil }
        return .remove(queue: settings.storeID, place: message.place)
    }
}

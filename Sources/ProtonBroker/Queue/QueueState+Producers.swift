// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// The operations of producers on a queue, and their credit.
///
/// The credit invariant, if the queue's policy is to withhold credit: credit reserves room.
///
///     heldMessages + promisedMessages <= limits.messages
///     heldBytes    + promisedBytes    <= limits.bytes      where promisedBytes is credit * expectedSize, summed up
///
/// holds whenever credit is given. A message within its producer's credit is taken, even if it is larger than expected: the queue
/// then exceeds its limit by the difference, and gives no credit until it is below the limit again.
extension QueueState {
    /// Adds a producer, which has no credit yet.
    /// - Parameter maxWindow: the maximum credit at a time.
    mutating func addProducer(maxWindow: Int) -> ProducerID {
        let producer = ProducerState(maxWindow: maxWindow)
        let id = freeProducers.popLast() ?? ProducerID(index: producers.count)
        if id.index < producers.count { producers[id.index] = producer } else { producers.append(producer) }
        return id
    }

    /// Removes a producer: the room that was reserved for it is free.
    mutating func removeProducer(_ id: ProducerID, _ effects: inout QueueEffects) {
        setCredit(0, of: id)
        waiting.removeAll { $0 == id }
        freeProducers.append(id)
        resumeProducers(&effects)
    }

    /// The credit for a producer now.
    mutating func grant(_ id: ProducerID, _ effects: inout QueueEffects) -> Int {
        guard case .served = producers[id.index].phase, producers[id.index].wantsCredit else { return 0 }
        let count = affordableCredit(for: id)
        guard count > 0 else { return wait(id, &effects) }
        setCredit(producers[id.index].credit + count, of: id)
        return count
    }

    /// Makes a producer wait for room, after those that wait already.
    private mutating func wait(_ id: ProducerID, _ effects: inout QueueEffects) -> Int {
        producers[id.index].phase = .waiting
        waiting.append(id)
        resumeProducers(&effects)
        noteWaiting(&effects)
        return 0
    }

    /// Uses a credit of a producer for a message that has arrived, or was aborted.
    /// - Parameter size: the size of the message; nil if there is none.
    /// - Returns: the credit for the producer.
    mutating func use(_ id: ProducerID, size: Int?, _ effects: inout QueueEffects) -> Int {
        let (messages, bytes, wantsCredit) = producers[id.index].use(size: size)
        promisedMessages += messages
        promisedBytes += bytes
        guard wantsCredit, case .served = producers[id.index].phase else { return 0 }
        producers[id.index].widen()
        // Waiting producers come first.
        guard waiting.isEmpty else { return wait(id, &effects) }
        return grant(id, &effects)
    }

    /// Handles credit that a producer has returned.
    /// - Parameter credit: the credit that is left.
    mutating func noteReturn(of id: ProducerID, credit: Int, _ effects: inout QueueEffects) {
        guard case .returning = producers[id.index].phase else { return }
        setCredit(credit, of: id)
        producers[id.index].phase = .waiting
        waiting.append(id)
        resumeProducers(&effects)
        noteWaiting(&effects)
    }

    private mutating func setCredit(_ credit: Int, of id: ProducerID) {
        let (count, bytes) = (producers[id.index].credit, producers[id.index].promisedBytes)
        producers[id.index].setCredit(credit)
        promisedMessages += producers[id.index].credit - count
        promisedBytes += producers[id.index].promisedBytes - bytes
    }

    /// How much more credit a producer may have: up to its window, and half of the room, so that others get some.
    private func affordableCredit(for id: ProducerID) -> Int {
        let producer = producers[id.index]
        let wanted = producer.window - producer.credit
        guard settings.limits.policy == .withholdCredit else { return wanted }
        guard brokerHasRoom else { return 0 }
        let room = settings.limits.messages - heldMessages - promisedMessages
        let bytes = settings.limits.bytes - heldBytes - promisedBytes
        // A message that is larger than the whole queue can be added to an empty one.
        let isEmpty = heldBytes + promisedBytes == 0
        guard room > 0, bytes >= producer.expectedSize || isEmpty else { return 0 }
        return min(wanted, max(1, room / 2), max(1, bytes / producer.expectedSize / 2))
    }

    // MARK: Waiting for room

    /// Gives credit to waiting producers, if a quarter of the queue is free.
    mutating func resumeProducers(_ effects: inout QueueEffects) {
        guard !waiting.isEmpty, hasRoomAgain else { return }
        var served = waiting.count
        while served > 0, let id = waiting.first {
            served -= 1
            let count = affordableCredit(for: id)
            guard count > 0 else { break }
            waiting.removeFirst()
            producers[id.index].phase = .served
            setCredit(producers[id.index].credit + count, of: id)
            effects.edit { $0.grants.append((id, count)) }
        }
        if waiting.isEmpty { returnTime = nil } else { noteWaiting(&effects) }
    }

    private var hasRoomAgain: Bool {
        let (messages, bytes) = (heldMessages + promisedMessages, heldBytes + promisedBytes)
        return brokerHasRoom && messages <= settings.limits.messages / 4 * 3 && bytes <= settings.limits.bytes / 4 * 3
            || bytes == 0
    }

    /// Makes sure that waiting producers are notified when there is room.
    private mutating func noteWaiting(_ effects: inout QueueEffects) {
        guard !waiting.isEmpty else { return }
        if !brokerHasRoom { effects.edit { $0.waitsForMemory = true } }
        effects.edit { $0.isCreditWithheld = true }
        guard returnTime == nil, promisedMessages > 0 else { return }
        for index in producers.indices { producers[index].isActive = false }
        returnTime = clock.now + QueueState.returnPatience
        arrangeWake(&effects)
    }

    /// How long a producer may keep unused credit while another one waits for room, in milliseconds.
    private static let returnPatience: Int64 = 1_000

    /// Asks producers for their unused credit, since others wait (AMQP 1.0, 2.6.7: `drain`).
    mutating func askForUnusedCredit(_ effects: inout QueueEffects) {
        returnTime = nil
        guard !waiting.isEmpty else { return }
        for index in producers.indices where producers[index].credit > 0 && !producers[index].isActive {
            let id = ProducerID(index: index)
            if case .returning = producers[index].phase { continue }
            producers[index].phase = .returning
            waiting.removeAll { $0 == id }
            effects.edit { $0.returns.append(id) }
        }
        noteWaiting(&effects)
    }
}

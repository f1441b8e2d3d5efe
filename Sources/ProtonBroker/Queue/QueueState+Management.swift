// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What the broker and its management node do with a whole queue.
extension QueueState {
    /// Removes the messages that no consumer has, those included that are ready for one.
    /// - Returns: how many there were.
    mutating func purge(_ effects: inout QueueEffects) -> Int {
        let departed = departures
        for index in consumers.indices where !consumers[index].isBrowser {
            takeBackReady(of: ConsumerID(index: index), keeping: 0, &effects)
        }
        removeWaiting(&effects)
        // They have room for what comes next.
        for index in consumers.indices { enterLine(ConsumerID(index: index)) }
        dispatch(&effects)
        relieve(&effects)
        return Int(clamping: departures - departed)
    }

    /// Drops all that waits: the queue is gone, and takes no more messages.
    mutating func delete(_ effects: inout QueueEffects) {
        isDeleted = true
        if isStored { effects.persist(.removeQueue(id: settings.storeID)) }
        isStored = false
        removeWaiting(&effects)
    }

    /// Ends the messages in the list, and those that are held back.
    /// - Returns: how many there were.
    @discardableResult
    mutating func removeWaiting(_ effects: inout QueueEffects) -> Int {
        var count = 0
        while let message = messages.popFirst() {
            end(message, &effects)
            count += 1
        }
        for message in times.removeAllDelayed() {
            end(message, &effects)
            count += 1
        }
        return count
    }

    /// Has other settings hold; the policy at the limits and all that the store goes by stay.
    /// - Parameter details: what the store is to keep of the queue; nil where it keeps nothing of that.
    mutating func update(_ new: QueueSettings, details: [UInt8]?, _ effects: inout QueueEffects) {
        settings.limits.messages = new.limits.messages
        settings.limits.bytes = new.limits.bytes
        settings.redelivery = new.redelivery
        settings.deadLetterAddress = new.deadLetterAddress
        if let details {
            settings.details = details
            if isStored, !isDeleted { effects.persist(.makeQueue(stored)) }
        }
        relieve(&effects)
    }
}

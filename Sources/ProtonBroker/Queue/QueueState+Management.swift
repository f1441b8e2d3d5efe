// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The operations of the broker and its management node on a whole queue.
extension QueueState {
    /// Removes the messages that are not delivered to a consumer, including those that are ready for one.
    /// - Returns: the number of removed messages.
    mutating func purge(_ effects: inout QueueEffects) -> Int {
        let departed = departures
        for index in consumers.indices where !consumers[index].isBrowser {
            takeBackReady(of: ConsumerID(index: index), keeping: 0, &effects)
        }
        removeWaiting(&effects)
        // They have room for further messages.
        for index in consumers.indices { enterLine(ConsumerID(index: index)) }
        dispatch(&effects)
        resumeProducers(&effects)
        return Int(clamping: departures - departed)
    }

    /// Deletes the queue: drops all waiting messages, and takes no more.
    mutating func delete(_ effects: inout QueueEffects) {
        isDeleted = true
        if isStored { effects.persist(.removeQueue(id: settings.storeID)) }
        isStored = false
        removeWaiting(&effects)
    }

    /// Ends the messages in the list, and delayed ones.
    /// - Returns: the number of removed messages.
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

    /// Changes the settings, except for the policy at the limits and the settings for the store.
    /// - Parameter details: the details for the store; nil if it keeps none.
    mutating func update(_ new: QueueSettings, details: [UInt8]?, _ effects: inout QueueEffects) {
        settings.limits.messages = new.limits.messages
        settings.limits.bytes = new.limits.bytes
        settings.redelivery = new.redelivery
        settings.deadLetterAddress = new.deadLetterAddress
        if let details {
            settings.details = details
            if isStored, !isDeleted { effects.persist(.makeQueue(stored)) }
        }
        resumeProducers(&effects)
    }
}

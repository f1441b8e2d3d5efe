// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The effects of time on a queue: messages that expire, or that may be delivered now.
extension QueueState {
    /// A hundred years, in milliseconds.
    static let longestTime: Int64 = 3_155_760_000_000

    /// When a message expires: after its time to live, or at its absolute time, whichever is earlier.
    func expiry(_ bytes: [UInt8], _ prefix: MessagePrefix, age: Int64) -> Int64? {
        if prefix.expiryTime != nil, prefix.mayHaveAnnotations, QueuedMessage.isDeadLetter(bytes) { return nil }
        let now = clock.now
        let relative = prefix.timeToLive.map { now + Int64($0) - age }
        let absolute = prefix.expiryTime.map { now + min($0 - clock.timeOfDay, QueueState.longestTime) }
        return switch (relative, absolute) {
        case (let relative?, let absolute?): min(relative, absolute)
        case (let relative, let absolute): relative ?? absolute
        }
    }

    /// How many milliseconds a message that arrived `age` ago still has to wait; a hundred years at most.
    func delay(until time: DeliveryTime, age: Int64) -> Int64 {
        let delay =
            switch time {
            case .after(let milliseconds): milliseconds - age
            case .at(let time): max(0, time.milliseconds) - clock.timeOfDay
            }
        return min(delay, QueueState.longestTime)
    }

    /// Handles the passage of time.
    mutating func advance(_ effects: inout QueueEffects) {
        wakeTime = nil
        lookAtTime(&effects)
        if let returnTime, returnTime <= clock.now { askForUnusedCredit(&effects) }
        dispatch(&effects)
        resumeProducers(&effects)
        arrangeWake(&effects)
    }

    /// Inserts delayed messages that may be delivered now, and drops waiting messages that have expired (AMQP 1.0, 3.2.1: `ttl`).
    mutating func lookAtTime(_ effects: inout QueueEffects) {
        let now = clock.now
        while let due = times.popDue(at: now) {
            switch due {
            case .deliverable(let message):
                if let expiry = message.expiry, expiry <= now {
                    deadLetter(message, .expired, &effects)
                } else {
                    insert(message, isBack: message.wasAcquired, &effects)
                }
            case .expired(let place):
                guard let index = messages.index(of: place), let expiry = messages[index].expiry, expiry <= now else {
                    continue
                }
                deadLetter(messages.remove(at: index), .expired, &effects)
            }
        }
        arrangeWake(&effects)
    }

    /// Schedules the next call because of time.
    mutating func arrangeWake(_ effects: inout QueueEffects) {
        let next =
            switch (times.nextTime, returnTime) {
            case (let time?, let other?): min(time, other)
            case (let time, let other): time ?? other
            }
        guard let next, next < wakeTime ?? .max else { return }
        wakeTime = next
        effects.edit { $0.wakeTime = next }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import HeapModule
import Proton
import ProtonUtilities

/// The times at which a message expires, or a delayed one may be delivered.
///
/// A note says that a place has to be checked; the check finds out what to do. Notes of messages that have left stay until
/// their time, or until most notes are of that kind: then they are rebuilt.
struct QueueTimes {
    private struct Note: Comparable {
        let time: Int64
        let place: UInt64

        static func < (left: Note, right: Note) -> Bool { left.time < right.time }
    }

    /// A message that must not be delivered yet.
    private struct Delayed {
        let message: QueuedMessage
        let time: Int64
    }

    private var notes = Heap<Note>()
    /// The number of notes at which they are rebuilt.
    private var limit = 1_024
    private var delayed: [UInt64: Delayed] = [:]

    var isEmpty: Bool { notes.isEmpty }
    /// The next time to check, by the queue's clock.
    var nextTime: Int64? { notes.min?.time }
    /// The number of delayed messages.
    var delayedCount: Int { delayed.count }

    /// Adds the expiry of a waiting message.
    mutating func addExpiry(_ place: UInt64, at time: Int64, in messages: MessageList) {
        notes.insert(Note(time: time, place: place))
        if notes.count > limit { renewNotes(messages) }
    }

    /// Delays a message until a time.
    mutating func delay(_ message: QueuedMessage, until time: Int64, in messages: MessageList) {
        delayed[message.place] = Delayed(message: message, time: time)
        // A message that expires meanwhile is inserted, and then expires.
        notes.insert(Note(time: min(time, message.expiry ?? .max), place: message.place))
        if notes.count > limit { renewNotes(messages) }
    }

    /// Keeps one note for each existing message that needs it.
    private mutating func renewNotes(_ messages: MessageList) {
        var renewed = delayed.map { place, held in
            Note(time: min(held.time, held.message.expiry ?? .max), place: place)
        }
        messages.visit { message in
            if let expiry = message.expiry { renewed.append(Note(time: expiry, place: message.place)) }
        }
        notes = Heap(renewed)
        limit = max(1_024, notes.count * 2)
    }

    /// The action for a due note.
    enum Due {
        /// Insert a message.
        case deliverable(QueuedMessage)
        /// Check whether a message has expired, if it is in the list.
        case expired(place: UInt64)
    }

    /// The next due note; nil if there is none.
    mutating func popDue(at now: Int64) -> Due? {
        while let first = notes.min, first.time <= now {
            _ = notes.popMin()
            guard let held = delayed[first.place] else { return .expired(place: first.place) }
            guard min(held.time, held.message.expiry ?? .max) <= now else { continue }
            delayed[first.place] = nil
            return .deliverable(held.message)
        }
        return nil
    }

    /// Removes and returns all delayed messages.
    mutating func removeAllDelayed() -> [QueuedMessage] {
        defer { delayed = [:] }
        return delayed.values.map(\.message)
    }
}

/// When a message may be delivered, from its annotations.
///
/// The names are those of ActiveMQ Artemis and of Azure Service Bus: `x-opt-delivery-delay`, in milliseconds from the arrival;
/// `x-opt-delivery-time` and `x-opt-scheduled-enqueue-time`, in milliseconds since 1970.
enum DeliveryTime: Equatable {
    case after(milliseconds: Int64)
    case at(Timestamp)

    /// The names of these annotations.
    static let annotations: [AnnotationKey] = [
        "x-opt-delivery-delay", "x-opt-delivery-time", "x-opt-scheduled-enqueue-time",
    ]

    /// Reads it from an encoded message that may have annotations.
    init?(_ bytes: [UInt8]) {
        guard let message = try? Message(decodingHeadOf: bytes) else { return nil }
        let annotations = message.annotations
        if let delay = annotations["x-opt-delivery-delay"]?.milliseconds {
            self = .after(milliseconds: max(0, delay))
        } else if let time = annotations["x-opt-delivery-time"] ?? annotations["x-opt-scheduled-enqueue-time"],
            let time = time.milliseconds
        {
            self = .at(Timestamp(milliseconds: time))
        } else {
            return nil
        }
    }
}

extension AMQPValue {
    /// A number of milliseconds, from any integer type or a timestamp.
    fileprivate var milliseconds: Int64? {
        if case .timestamp(let time) = self { return time.milliseconds }
        return intValue.map(Int64.init)
    }
}

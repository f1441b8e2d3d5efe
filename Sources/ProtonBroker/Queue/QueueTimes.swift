// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import HeapModule
import Proton
import ProtonUtilities

/// When a queue has something to do: a message expires, or one that was held back may be delivered.
///
/// A note says that a place is to be looked at; what is to be done there is found out then. Notes of messages that have
/// left stay until their time, or until most notes are such: then they are made anew.
struct QueueTimes {
    private struct Note: Comparable {
        let time: Int64
        let place: UInt64

        static func < (left: Note, right: Note) -> Bool { left.time < right.time }
    }

    /// A message that is not to be delivered yet.
    private struct Delayed {
        let message: QueuedMessage
        let time: Int64
    }

    private var notes = Heap<Note>()
    /// How many notes there may be before they are made anew.
    private var limit = 1_024
    private var delayed: [UInt64: Delayed] = [:]

    var isEmpty: Bool { notes.isEmpty }
    /// When there is something to look at next, by the queue's clock.
    var nextTime: Int64? { notes.min?.time }
    /// How many messages are held back.
    var delayedCount: Int { delayed.count }

    /// Notes that a message that waits expires.
    mutating func addExpiry(_ place: UInt64, at time: Int64, in messages: MessageList) {
        notes.insert(Note(time: time, place: place))
        if notes.count > limit { renewNotes(messages) }
    }

    /// Holds a message back until a time.
    mutating func delay(_ message: QueuedMessage, until time: Int64, in messages: MessageList) {
        delayed[message.place] = Delayed(message: message, time: time)
        // What expires meanwhile is let in to expire.
        notes.insert(Note(time: min(time, message.expiry ?? .max), place: message.place))
        if notes.count > limit { renewNotes(messages) }
    }

    /// Leaves one note for each message that is there and needs it.
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

    /// What there is to do at a time.
    enum Due {
        /// A message is to be let in.
        case deliverable(QueuedMessage)
        /// A message may have expired, if it is in the list.
        case expired(place: UInt64)
    }

    /// The next that is due; nil where nothing is any more.
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

    /// Takes out all that is held back.
    mutating func removeAllDelayed() -> [QueuedMessage] {
        defer { delayed = [:] }
        return delayed.values.map(\.message)
    }
}

/// When a message may be delivered, where its annotations say so.
///
/// The names are those of ActiveMQ Artemis and of Azure Service Bus: `x-opt-delivery-delay`, in milliseconds from when
/// the message comes; `x-opt-delivery-time` and `x-opt-scheduled-enqueue-time`, in milliseconds since 1970.
enum DeliveryTime: Equatable {
    case after(milliseconds: Int64)
    case at(Timestamp)

    /// The names of the annotations that say so.
    static let annotations: [AnnotationKey] = [
        "x-opt-delivery-delay", "x-opt-delivery-time", "x-opt-scheduled-enqueue-time",
    ]

    /// Reads it of an encoded message that may have annotations.
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
    /// A number of milliseconds, from whatever integer or timestamp it is.
    fileprivate var milliseconds: Int64? {
        if case .timestamp(let time) = self { return time.milliseconds }
        return intValue.map(Int64.init)
    }
}

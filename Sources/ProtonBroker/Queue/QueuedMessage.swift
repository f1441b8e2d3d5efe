// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A message in a queue: its bytes as they came, its place, and what has become of it here.
struct QueuedMessage: Sendable {
    let bytes: [UInt8]
    /// The message's place in the order of its queue, kept when it comes back: urgent messages first, then the older.
    let place: UInt64
    /// How often its delivery failed since it arrived (AMQP 1.0, 3.2.1: added to `delivery-count`).
    var failures: UInt32 = 0
    /// Whether the broker's store keeps it.
    var isStored = false
    /// Whether a consumer has had it (AMQP 1.0, 3.2.1: `first-acquirer` is false from then on).
    var wasAcquired = false
    /// What few messages have.
    var extras: Extras?

    /// Apart from the message, which is moved often and has nothing of it mostly.
    final class Extras: Sendable {
        /// What was read of the message for selectors.
        let content: MessageContent?
        /// What consumers want added to its annotations (AMQP 1.0, 3.4.5).
        let annotations: Annotations
        /// When the message is of no use any more, by the clock of its queue, in milliseconds; nil for never.
        let expiry: Int64?
        /// What these take, in bytes, about.
        let memory: Int

        init(content: MessageContent? = nil, annotations: Annotations = Annotations(), expiry: Int64? = nil) {
            (self.content, self.annotations, self.expiry) = (content, annotations, expiry)
            memory = 64 + (content?.memory ?? 0) + annotations.count * 64
        }
    }

    /// - Parameters:
    ///   - priority: 0 to 255: higher goes first (AMQP 1.0, 3.2.1).
    ///   - position: how many messages arrived before.
    init(bytes: [UInt8], priority: UInt8 = 4, position: UInt64) {
        self.bytes = bytes
        // No queue sees 2^56 messages.
        place = UInt64(255 - priority) << 56 | position & QueuedMessage.positions
    }

    /// A message that a store has kept, at the place that it had.
    init(_ message: StoredMessage) {
        (bytes, place, isStored) = (message.bytes, message.place, true)
        restore(message.details)
    }

    private static let positions: UInt64 = 1 << 56 - 1

    /// Whether a queue can go on after this place: one that comes from a store may be anything.
    static func isPlace(_ place: UInt64) -> Bool { place & positions < positions }

    /// How many messages arrived before.
    var position: UInt64 { place & QueuedMessage.positions }

    /// When the message is of no use any more, by the clock of its queue; nil for never.
    var expiry: Int64? { extras?.expiry }

    // MARK: Memory

    /// What a message of so many bytes takes beside them: the array's head, its place in lists, and the allocator's share.
    static let overhead = 96

    /// What the message takes, in bytes, about.
    var memory: Int { bytes.count + QueuedMessage.overhead + (extras?.memory ?? 0) }
}

extension QueuedMessage: Equatable {
    static func == (left: QueuedMessage, right: QueuedMessage) -> Bool { left.place == right.place }
}

/// What a store keeps of a message that was delivered in vain, apart from its bytes: how often, and the annotations that
/// consumers want added.
extension QueuedMessage {
    /// Whether a consumer wanted annotations added.
    var hasAddedAnnotations: Bool { extras?.annotations.isEmpty == false }

    /// What the store keeps; empty of a message that is as it came.
    var details: [UInt8] {
        if failures == 0, !hasAddedAnnotations { return [] }
        let annotations = AMQPMap(extras?.annotations ?? Annotations())
        // Annotations that were added have been encoded before.
        return (try? AMQPValue.list([.uint(failures), .map(annotations)]).encoded()) ?? []
    }

    /// Takes in what a store has kept. What cannot be read is left out: the message is worth more than that.
    mutating func restore(_ details: [UInt8]) {
        guard !details.isEmpty, case .list(let fields)? = try? AMQPValue(decoding: details), fields.count == 2,
            case .uint(let failures) = fields[0], case .map(let map) = fields[1]
        else { return }
        self.failures = failures
        if let annotations = Annotations(map), !annotations.isEmpty { extras = Extras(annotations: annotations) }
    }
}

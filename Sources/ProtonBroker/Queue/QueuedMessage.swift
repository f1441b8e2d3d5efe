// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A message in a queue: its bytes, its place, and its deliveries so far.
struct QueuedMessage: Sendable {
    let bytes: [UInt8]
    /// The message's place in the order of its queue, which it keeps when it is returned: by priority, then by age.
    let place: UInt64
    /// How often its delivery failed since it arrived (AMQP 1.0, 3.2.1: added to `delivery-count`).
    var failures: UInt32 = 0
    /// Whether it is in the broker's store.
    var isStored = false
    /// Whether a consumer has had it (AMQP 1.0, 3.2.1: `first-acquirer` is false after that).
    var wasAcquired = false
    /// Fields that few messages have.
    var extras: Extras?

    /// Separate from the message, which is moved often and mostly has none of them.
    final class Extras: Sendable {
        /// The parts that were decoded for selectors.
        let content: MessageContent?
        /// The annotations that consumers have added (AMQP 1.0, 3.4.5).
        let annotations: Annotations
        /// When the message expires, by the clock of its queue, in milliseconds; nil for never.
        let expiry: Int64?
        /// Their approximate memory, in bytes.
        let memory: Int

        init(content: MessageContent? = nil, annotations: Annotations = Annotations(), expiry: Int64? = nil) {
            (self.content, self.annotations, self.expiry) = (content, annotations, expiry)
            memory = 64 + (content?.memory ?? 0) + annotations.count * 64
        }
    }

    /// - Parameters:
    ///   - priority: 0 to 255: higher ones are delivered first (AMQP 1.0, 3.2.1).
    ///   - position: how many messages arrived before.
    init(bytes: [UInt8], priority: UInt8 = 4, position: UInt64) {
        self.bytes = bytes
        // No queue receives 2^56 messages.
        place = UInt64(255 - priority) << 56 | position & QueuedMessage.positions
    }

    /// Creates a message from a store, at its place.
    init(_ message: StoredMessage) {
        (bytes, place, isStored) = (message.bytes, message.place, true)
        restore(message.details)
    }

    private static let positions: UInt64 = 1 << 56 - 1

    /// Whether a place is valid, so that others can follow: a place from a store may be anything.
    static func isPlace(_ place: UInt64) -> Bool { place & positions < positions }

    /// How many messages arrived before.
    var position: UInt64 { place & QueuedMessage.positions }

    /// When the message expires, by the clock of its queue; nil for never.
    var expiry: Int64? { extras?.expiry }

    // MARK: Memory

    /// The memory of a message beside its bytes: the array's header, its place in lists, and the allocator's overhead.
    static let overhead = 96

    /// The approximate memory of the message, in bytes.
    var memory: Int { bytes.count + QueuedMessage.overhead + (extras?.memory ?? 0) }
}

extension QueuedMessage: Equatable {
    static func == (left: QueuedMessage, right: QueuedMessage) -> Bool { left.place == right.place }
}

/// The details in a store of a message whose deliveries failed: the number of failures, and the annotations that consumers have
/// added.
extension QueuedMessage {
    /// Whether a consumer has added annotations.
    var hasAddedAnnotations: Bool { extras?.annotations.isEmpty == false }

    /// The details for the store; empty for a message that just arrived.
    var details: [UInt8] {
        if failures == 0, !hasAddedAnnotations { return [] }
        let annotations = AMQPMap(extras?.annotations ?? Annotations())
        // Added annotations have been encoded before.
        return (try? AMQPValue.list([.uint(failures), .map(annotations)]).encoded()) ?? []
    }

    /// Reads the details from a store. Unreadable ones are ignored: the message is more important.
    mutating func restore(_ details: [UInt8]) {
        guard !details.isEmpty, case .list(let fields)? = try? AMQPValue(decoding: details), fields.count == 2,
            case .uint(let failures) = fields[0], case .map(let map) = fields[1]
        else { return }
        self.failures = failures
        if let annotations = Annotations(map), !annotations.isEmpty { extras = Extras(annotations: annotations) }
    }
}

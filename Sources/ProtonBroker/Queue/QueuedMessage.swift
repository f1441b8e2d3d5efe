import Proton

/// A message in a queue: its bytes as they came, and its place.
struct QueuedMessage: Sendable {
    let bytes: [UInt8]
    /// The message's place in the order of its queue, kept when it comes back: urgent messages first, then the older.
    let place: UInt64
    /// How often it was sent to a consumer in vain since it arrived (AMQP 1.0, 3.2.1: added to `delivery-count`).
    var failures: UInt32 = 0
    /// Whether the broker's store keeps it.
    var isStored = false
    /// What few messages have.
    var extras: Extras?

    /// Apart from the message, which is moved often and has nothing of it mostly.
    final class Extras: Sendable {
        /// What was read of the message for selectors.
        let content: MessageContent?
        /// What consumers want added to its annotations (AMQP 1.0, 3.4.5).
        let annotations: Annotations
        /// When the message is of no use any more, by the clock of its queue; nil for never.
        let expiry: Int64?

        init(content: MessageContent? = nil, annotations: Annotations = Annotations(), expiry: Int64? = nil) {
            (self.content, self.annotations, self.expiry) = (content, annotations, expiry)
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

    private static let positions: UInt64 = 1 << 56 - 1

    /// A message that a store has kept, at the place that it had.
    init(_ message: StoredMessage) {
        (bytes, place, isStored) = (message.bytes, message.place, true)
        restore(message.details)
    }

    /// Whether a queue can go on after this place: one that comes from a store may be anything.
    static func isPlace(_ place: UInt64) -> Bool { place & positions < positions }

    /// How many messages arrived before.
    var position: UInt64 { place & QueuedMessage.positions }
}

extension QueuedMessage: Equatable {
    static func == (left: QueuedMessage, right: QueuedMessage) -> Bool { left.place == right.place }
}

/// What becomes of a message that a consumer had.
enum Disposal: Hashable, Sendable {
    /// It is done with: accepted, or rejected.
    case removed
    /// It goes back to its place; `failed` is whether that counts as a try to deliver it.
    case returned(failed: Bool)
}

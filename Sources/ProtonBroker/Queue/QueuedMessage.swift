/// A message in a queue: its bytes as they came, and its place.
struct QueuedMessage: Sendable {
    let bytes: [UInt8]
    /// The message's place in the order of arrival; kept when it comes back.
    let position: UInt64
    /// How often it was sent to a consumer in vain since it arrived (AMQP 1.0, 3.2.1: added to `delivery-count`).
    var failures: UInt32 = 0
}

extension QueuedMessage: Comparable {
    static func < (left: QueuedMessage, right: QueuedMessage) -> Bool { left.position < right.position }
    static func == (left: QueuedMessage, right: QueuedMessage) -> Bool { left.position == right.position }
}

/// What becomes of a message that a consumer had.
enum Disposal: Hashable, Sendable {
    /// It is done with: accepted, or rejected.
    case removed
    /// It goes back to its place; `failed` is whether that counts as a try to deliver it.
    case returned(failed: Bool)
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Identifies a producer among those of a queue, until it is removed.
struct ProducerID: Hashable, Sendable {
    let index: Int
}

/// The state of one producer in a queue: its credit, and the room that is reserved for it.
struct ProducerState {
    /// Whether the producer waits for room.
    enum Phase {
        /// It has credit, or gets more when it uses its credit.
        case served
        /// It has little or no credit, and the queue has no room for more.
        case waiting
        /// It is asked to return unused credit (AMQP 1.0, 2.6.7: `drain`).
        case returning
    }

    var phase = Phase.served
    /// How many more messages the peer may send.
    private(set) var credit = 0
    /// How much credit it gets at once; increases when it uses the credit.
    private(set) var window: Int
    private let maxWindow: Int
    /// The expected size of the producer's messages in memory, in bytes: that of its largest recent one.
    private(set) var expectedSize = ProducerState.assumedSize
    /// Whether it has sent messages since the last check for unused credit.
    var isActive = false

    /// The expected size of a message of a producer that has not sent any, in bytes.
    static let assumedSize = 64 * 1_024
    /// The first credit of a producer.
    static let firstWindow = 32
    /// The minimum of the expected size, in bytes.
    private static let smallestSize = 512

    init(maxWindow: Int) {
        self.maxWindow = maxWindow
        window = min(maxWindow, ProducerState.firstWindow)
    }

    /// The room that is reserved for it, in bytes.
    var promisedBytes: Int { credit * expectedSize }

    /// Whether it has used half of its credit, so that one flow frame serves many messages.
    var wantsCredit: Bool { credit <= window / 2 }

    mutating func grant(_ count: Int) { credit += count }

    /// Sets the remaining credit, as after a drain.
    mutating func setCredit(_ count: Int) { credit = count }

    /// Uses a credit for a message that arrived, or that was aborted.
    /// - Parameter size: its size in memory; nil if none has arrived.
    /// - Returns: the change of the promised messages and bytes, and whether it needs more credit.
    mutating func use(size: Int?) -> (messages: Int, bytes: Int, wantsCredit: Bool) {
        let (before, count) = (promisedBytes, credit)
        credit = max(0, credit - 1)
        isActive = true
        if let size { expectedSize = max(size, expectedSize - expectedSize / 16, ProducerState.smallestSize) }
        return (credit - count, promisedBytes - before, wantsCredit)
    }

    /// The producer uses its credit: it may have more at a time.
    mutating func widen() { window = min(maxWindow, window * 2) }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What tells a producer of a queue from the others, as long as it is there.
struct ProducerID: Hashable, Sendable {
    let index: Int
}

/// What a queue knows of one producer: the credit that it has, and the room that is kept for that.
struct ProducerState {
    /// Whether the producer waits for room.
    enum Phase {
        /// It has credit, or gets some as it uses what it has.
        case served
        /// It has little credit, or none, and the queue has no room for more.
        case waiting
        /// It is asked to give back credit that it does not use (AMQP 1.0, 2.6.7: `drain`).
        case returning
    }

    var phase = Phase.served
    /// How many more messages the peer may send.
    private(set) var credit = 0
    /// How much credit it gets at once; rises as it uses it.
    private(set) var window: Int
    private let maxWindow: Int
    /// How large the producer's messages are taken to be, in memory: as its largest of late.
    private(set) var expectedSize = ProducerState.assumedSize
    /// Whether it has sent something since it was last looked whether it uses its credit.
    var isActive = false

    /// How large a message is taken to be of a producer that has not sent any, in bytes.
    static let assumedSize = 64 * 1_024
    /// How much credit a producer begins with.
    static let firstWindow = 32
    /// What every message is taken to be at least, in bytes.
    private static let smallestSize = 512

    init(maxWindow: Int) {
        self.maxWindow = maxWindow
        window = min(maxWindow, ProducerState.firstWindow)
    }

    /// The room that is kept for it, in bytes.
    var promisedBytes: Int { credit * expectedSize }

    /// Whether it has used half of its credit, so that one flow serves many messages.
    var wantsCredit: Bool { credit <= window / 2 }

    mutating func grant(_ count: Int) { credit += count }

    /// Sets the credit that is left, as after a drain.
    mutating func setCredit(_ count: Int) { credit = count }

    /// A message came, or was begun and given up.
    /// - Parameter size: what it takes in memory; nil where nothing has come.
    /// - Returns: how many messages and bytes are promised more than before, and whether it is to have more credit.
    mutating func use(size: Int?) -> (messages: Int, bytes: Int, wantsCredit: Bool) {
        let (before, count) = (promisedBytes, credit)
        credit = max(0, credit - 1)
        isActive = true
        if let size { expectedSize = max(size, expectedSize - expectedSize / 16, ProducerState.smallestSize) }
        return (credit - count, promisedBytes - before, wantsCredit)
    }

    /// The producer uses its credit: it may have more at once.
    mutating func widen() { window = min(maxWindow, window * 2) }
}

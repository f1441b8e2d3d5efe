// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities

/// Messages that have come one after the other, as their bytes in one piece of memory: each is decoded by whoever takes it.
///
/// The thread of the loop fills one for a batch of events. Memory that it made for each message would be given back by the
/// task's thread, and go to and fro between the two of them.
final class EncodedMessages: Sendable {
    struct Entry: Sendable {
        let bytes: Range<Int>
        /// Nil where the sender has settled the message.
        let token: Incoming.Token?
    }

    private let bytes: [UInt8]
    private let limits: DecodingLimits
    let entries: [Entry]

    init(_ bytes: [UInt8], _ entries: [Entry], _ limits: DecodingLimits) {
        (self.bytes, self.entries, self.limits) = (bytes, entries, limits)
    }

    /// Decodes one of the messages.
    func message(_ index: Int) throws(InvalidMessage) -> Message {
        let range = entries[index].bytes
        return try Message(capacity: range.count, limits: limits) { memory in
            bytes.withUnsafeBytes { memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[range])) }
            return range.count
        }
    }
}

/// Messages on their way into `EncodedMessages`; used in the domain.
struct IncomingBytes {
    private var bytes: [UInt8] = []
    private var entries: [EncodedMessages.Entry] = []
    private var finished: [EncodedMessages] = []
    private var limits = DecodingLimits.default
    /// How many messages there are.
    private(set) var count = 0
    /// From what size on a message has a piece of memory of its own.
    private static let large = 4_096

    /// Takes the message of a delivery that is complete.
    mutating func append(_ delivery: Delivery, _ token: Incoming.Token?) {
        let isLarge = delivery.isInParts || delivery.pendingBytes > IncomingBytes.large
        if isLarge { finishPiece() }
        limits = delivery.limits
        let start = bytes.count
        delivery.takeBytes(appendingTo: &bytes)
        entries.append(EncodedMessages.Entry(bytes: start..<bytes.count, token: token))
        count += 1
        if isLarge { finishPiece() }
    }

    private mutating func finishPiece() {
        guard !entries.isEmpty else { return }
        finished.append(EncodedMessages(exchange(&bytes, with: []), exchange(&entries, with: []), limits))
    }

    /// Takes out what there is, in its order.
    mutating func finish() -> [EncodedMessages] {
        finishPiece()
        count = 0
        return exchange(&finished, with: [])
    }
}

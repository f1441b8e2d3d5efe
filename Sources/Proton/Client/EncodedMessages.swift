// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities

/// The encoded messages of a batch in one piece of memory: the task that takes a message decodes it.
///
/// The loop's thread fills one for each batch of events. Memory for each message would be allocated on the loop's thread and
/// freed on the task's thread, which costs more.
final class EncodedMessages: Sendable {
    struct Entry: Sendable {
        let bytes: Range<Int>
        /// Nil if the sender sent the message settled.
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

/// Collects messages into `EncodedMessages`; used in the domain.
struct IncomingBytes {
    private var bytes: [UInt8] = []
    private var entries: [EncodedMessages.Entry] = []
    private var finished: [EncodedMessages] = []
    private var limits = DecodingLimits.default
    /// How many messages there are.
    private(set) var count = 0
    /// A message above this size, in bytes, gets a piece of memory of its own.
    private static let large = 4_096

    /// Takes the message of a complete delivery.
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

    /// Takes out all collected messages, in order.
    mutating func finish() -> [EncodedMessages] {
        finishPiece()
        count = 0
        return exchange(&finished, with: [])
    }
}

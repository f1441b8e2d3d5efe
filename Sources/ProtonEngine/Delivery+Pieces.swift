// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// Messages are written and read in pieces, so that neither side stores a whole message.
extension Delivery {
    // MARK: Writing

    /// Adds bytes to a message that `Sender.stream` began, as many as `Sender.writableBytes` allows.
    /// - Returns: how many bytes were taken, from the first one; 0 if earlier bytes have to be written first.
    /// - Throws: `ProtonError.Code.closed` if the message has ended, or its link is closed; `ProtonError.Code.limitExceeded` if
    ///   the message would exceed the peer's maximum size (`Link.remoteMaxMessageSize`). None of `bytes` are taken then: `abort`
    ///   the message.
    public func write(_ bytes: some Collection<UInt8>) throws -> Int {
        let (sender, pointer) = try streaming()
        let piece = bytes.prefix(sender.writableBytes)
        try sender.admitPiece(piece.count)
        let written = piece.withContiguousStorageIfAvailable { Delivery.write($0, to: pointer) }
        return written ?? Array(piece).withUnsafeBufferPointer { Delivery.write($0, to: pointer) }
    }

    /// Adds the head of a data section (AMQP 1.0, 3.2.6), whose `count` bytes are written after it.
    ///
    /// A message may have several data sections, so that the length of the body need not be known before.
    /// - Throws: as `write` does.
    public func writeDataHeader(count: UInt32) throws {
        let (sender, pointer) = try streaming()
        let header: [UInt8] = [0x00, 0x53, 0x75, 0xb0] + withUnsafeBytes(of: count.bigEndian) { Array($0) }
        try sender.admitPiece(header.count)
        // Eight bytes above the capacity do no harm, and a partial head would be invalid.
        _ = header.withUnsafeBufferPointer { Delivery.write($0, to: pointer) }
    }

    /// Ends a message that `Sender.stream` began, after all of it has been written.
    /// - Throws: as `write` does.
    public func finish() throws {
        let (sender, pointer) = try streaming()
        sender.endStream()
        pn_link_advance(pointer)
        if pn_link_snd_settle_mode(pointer) == PN_SND_SETTLED { settle() }
    }

    private func streaming() throws(ProtonError) -> (Sender, OpaquePointer) {
        guard let sender = link as? Sender, let pointer = link.confined(), sender.isStreaming(self) else {
            throw ProtonError(
                .closed,
                "Nothing more can be written to a message on the \(link.title): it has ended, or the link has.")
        }
        return (sender, pointer)
    }

    private static func write(_ bytes: UnsafeBufferPointer<UInt8>, to link: OpaquePointer) -> Int {
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return 0 }
        return max(0, pn_link_send(link, UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self), bytes.count))
    }

    // MARK: Reading

    /// Takes the bytes of a message that have arrived, complete or not; `onMessage` is not called for this message then.
    ///
    /// Call it in `onDelivery`, from the first event of the delivery until `isConsumed` is true; then settle. The pieces are
    /// parts of the encoded message. Bytes that are not taken close the session's window (`Session.incomingCapacity`), so that
    /// the peer waits.
    /// - Parameter count: the maximum number of bytes, not counting bytes that were buffered because an earlier event was
    ///   ignored; 0 takes none, and still selects reading in pieces.
    public func takePart(upTo count: Int = .max) -> [UInt8] {
        guard isReadable, let pointer = link.confined(), let delivery = pn_link_current(pointer) else { return [] }
        return link.takePart(delivery, upTo: count)
    }
}

extension Link {
    /// Takes some bytes of the link's current delivery, and advances to the next one after the last byte.
    func takePart(_ delivery: OpaquePointer, upTo limit: Int) -> [UInt8] {
        guard let pointer else { return [] }
        let takenBefore = isTakenInParts ? parts.count : 0
        var bytes = takePartial()
        let count = min(pn_delivery_pending(delivery), max(0, limit))
        bytes.append(
            contentsOf: [UInt8](unsafeUninitializedCapacity: count) { buffer, read in
                read = Link.read(pointer, into: UnsafeMutableRawBufferPointer(buffer))
            })
        if !pn_delivery_partial(delivery), pn_delivery_pending(delivery) == 0 {
            goOn(on: pointer)
        } else {
            noteTaken(takenBefore + bytes.count)
        }
        return bytes
    }
}

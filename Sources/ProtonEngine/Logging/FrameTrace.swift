// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Cuts what goes over one transport, both ways, into frames, and tells a log of each.
///
/// It belongs to a `SASLContext`, and is used as that is.
final class FrameTrace {
    /// One direction.
    private struct Cut {
        var bytes: [UInt8] = []
        /// Whether something has gone that is no frame: nothing behind it is one.
        var isBroken = false

        /// Takes the first whole frame, or protocol header, that has gone.
        mutating func next() -> [UInt8]? {
            guard !isBroken, bytes.count >= 8 else { return nil }
            let isHeader = bytes.starts(with: "AMQP".utf8)
            let size = isHeader ? 8 : bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
            guard size >= 8 else {
                (isBroken, bytes) = (true, [])
                return nil
            }
            guard bytes.count >= size else { return nil }
            defer { bytes.removeFirst(size) }
            return Array(bytes[..<size])
        }
    }

    let log: TransportLog
    private var incoming = Cut()
    private var outgoing = Cut()

    init(_ log: TransportLog) { self.log = log }

    /// Bytes have come, or go out.
    func note(_ bytes: UnsafeRawBufferPointer, isIncoming: Bool, _ layer: SASLLayer) {
        guard !bytes.isEmpty else { return }
        if isIncoming { incoming.bytes += bytes } else { outgoing.bytes += bytes }
        while let frame = isIncoming ? incoming.next() : outgoing.next() {
            log.take(.frame, FrameText.line(frame, isIncoming: isIncoming, payload: log.payload), layer.address)
        }
    }

    /// The same, of bytes that go another way.
    func note(_ bytes: [UInt8], isIncoming: Bool, _ layer: SASLLayer) {
        bytes.withUnsafeBytes { note($0, isIncoming: isIncoming, layer) }
    }
}

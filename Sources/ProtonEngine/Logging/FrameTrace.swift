// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Cuts what goes over one transport, both ways, into frames, and tells a log of each.
///
/// It belongs to a `SASLContext`, and is used as that is.
final class FrameTrace {
    let log: TransportLog
    private var incoming = FrameCutter()
    private var outgoing = FrameCutter()

    init(_ log: TransportLog) { self.log = log }

    /// Bytes have come, or go out.
    func note(_ bytes: UnsafeRawBufferPointer, isIncoming: Bool, _ layer: SASLLayer) {
        guard !bytes.isEmpty else { return }
        if isIncoming { incoming.append(bytes) } else { outgoing.append(bytes) }
        while let frame = isIncoming ? incoming.next() : outgoing.next() {
            log.take(.frame, FrameText.line(frame, isIncoming: isIncoming, payload: log.payload), layer.address)
        }
    }

    /// The same, of bytes that go another way.
    func note(_ bytes: [UInt8], isIncoming: Bool, _ layer: SASLLayer) {
        bytes.withUnsafeBytes { note($0, isIncoming: isIncoming, layer) }
    }
}

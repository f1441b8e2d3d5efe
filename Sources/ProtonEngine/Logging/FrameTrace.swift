// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Splits the bytes of one transport, in both directions, into frames, and logs each frame.
///
/// It belongs to a `SASLContext`, and has the same threading.
final class FrameTrace {
    let log: TransportLog
    private var incoming = FrameCutter()
    private var outgoing = FrameCutter()

    init(_ log: TransportLog) { self.log = log }

    /// Processes bytes that are received or sent.
    func note(_ bytes: UnsafeRawBufferPointer, isIncoming: Bool, _ layer: SASLLayer) {
        guard !bytes.isEmpty else { return }
        if isIncoming { incoming.append(bytes) } else { outgoing.append(bytes) }
        while let frame = isIncoming ? incoming.next() : outgoing.next() {
            log.take(.frame, FrameText.line(frame, isIncoming: isIncoming, payload: log.payload), layer.address)
        }
    }

    /// The same for bytes in an array.
    func note(_ bytes: [UInt8], isIncoming: Bool, _ layer: SASLLayer) {
        bytes.withUnsafeBytes { note($0, isIncoming: isIncoming, layer) }
    }
}

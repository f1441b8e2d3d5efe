// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// Reads the frames of one connection, in both directions, between the socket and proton's parser.
///
/// Received frames are passed on whole, and unchanged except where proton 0.37 does not read what AMQP 1.0 allows. Sent frames
/// are tracked, so that flows can be answered that proton does not answer; these answers are inserted between proton's frames. A
/// frame that would crash, bloat or stall proton, or that proton would misread, is a violation: that frame and all later input is
/// not passed on.
///
/// It is pure: bytes in, bytes out. It allocates nothing for a frame that it does not change.
struct FrameScanner: ~Copyable {
    /// The maximum size of a received frame, in bytes.
    let maxFrameSize: Int
    var sessions: SessionTable
    var output = ByteStore()
    private var incoming = Incoming()
    private var outgoing = Outgoing()
    /// The scratch links, which only make proton write: channel and handle of those whose detach was not written yet.
    var scratchLinks: [(channel: UInt16, handle: UInt32)] = []

    private struct Incoming: ~Copyable {
        /// The bytes of an incomplete frame; after a call also the bytes that the call has returned.
        var partial = ByteStore()
        var phase = Phase.header
    }

    private struct Outgoing: ~Copyable {
        /// The beginning of a frame, of which more is needed to check it.
        var partial = ByteStore()
        var phase = Phase.header
        /// How many bytes of the current frame are sent unchanged.
        var rest = 0
    }

    private enum Phase {
        /// A protocol header may follow, or frames if the layer did not receive the first bytes.
        case header
        case frames
        /// The input is not AMQP: it is passed on unchanged, and proton reports the error.
        case broken
    }

    /// The state of the peer.
    enum PeerState {
        /// The layer has received at most the peer's header.
        case header
        /// The layer has not received the peer's earlier frames: the connection may be open.
        case unknown
        case open
        /// This side has closed the connection with an error: only the peer's close is processed (AMQP 1.0, 2.4.6), and its open
        /// if that arrives late.
        case discarding
    }

    /// The change to a frame that is not passed on unchanged.
    enum Change {
        case drop
        case replace([UInt8])
        /// Replaces parts of the frame, and inserts another frame before it, which may be empty.
        case edit(FrameEdit, FrameFields, after: [UInt8])
    }

    /// The change to the frame that was just checked, if it does not pass unchanged.
    var change = Change.drop

    /// How many bytes of a sent frame are examined: enough for all fields that matter, and for every frame that is dropped.
    static let prefix = 384
    /// The size in bytes of a frame's header as proton writes it.
    static let headerSize = 8

    /// The peer's violation; no later input is passed on.
    var violation: FrameViolation?
    /// Whether this side has sent a frame without a body.
    var hasSentHeartbeat = false
    var state = PeerState.header
    /// The maximum length of a name, in bytes: of a link, a container or a host.
    let maxNameSize: Int

    init(maxFrameSize: UInt32, maxSessions: Int, maxLinks: Int, maxNameSize: Int) {
        self.maxFrameSize = Int(maxFrameSize)
        self.maxNameSize = maxNameSize
        sessions = SessionTable(maxSessions: maxSessions, maxLinks: maxLinks)
    }

    /// Whether there are flows to be sent as answers; they are sent with the next frames.
    var hasAnswers: Bool { !sessions.answers.isEmpty }

    // MARK: From the peer

    /// Processes bytes from the peer.
    /// - Returns: the complete frames to pass on, valid until the next call of a mutating function.
    mutating func receive(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        output.removeAll()
        guard violation == nil else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        sessions.repeated = 0
        let isContinued = !incoming.partial.isEmpty
        if isContinued { incoming.partial.append(bytes) }
        let source = isContinued ? incoming.partial.bytes : bytes
        guard let base = source.baseAddress else { return source }
        var offset = 0
        var copied = 0
        scan: while true {
            let left = source.count - offset
            switch incoming.phase {
            case .broken:
                offset = source.count
                break scan
            case .header where left >= 4 && FrameScanner.isHeader(base + offset):
                guard left >= 8 else { break scan }
                incoming.phase = .frames
                offset += 8
                continue
            case .header, .frames: break
            }
            guard left >= 8 else { break }
            let size = Int(Encoded.word(base, offset))
            let header = 4 * Int(base.load(fromByteOffset: offset + 4, as: UInt8.self))
            guard size <= maxFrameSize, header >= 8, header <= size else {
                if case .header = incoming.phase {
                    incoming.phase = .broken
                    continue
                }
                violation = size > maxFrameSize ? .frameSize(limit: maxFrameSize) : .noFrame
                break
            }
            guard left >= size else { break }
            if case .header = incoming.phase {
                incoming.phase = .frames
                if state == .header { state = .unknown }
            }
            if size > header, !isPlainTransfer(base + offset, size, header),
                !isPlainDisposition(base + offset, size, header), !passes(base + offset, size, header)
            {
                if violation != nil { break }
                output.append(UnsafeRawBufferPointer(rebasing: source[copied..<offset]))
                writeChanged(UnsafeRawBufferPointer(start: base + offset, count: size))
                copied = offset + size
            }
            offset += size
        }
        // The remaining bytes wait for the rest of their frame; after a violation they are dropped.
        if isContinued {
            incoming.partial.consume(violation == nil ? offset : source.count)
        } else {
            incoming.partial.removeAll()
            if violation == nil { incoming.partial.append(UnsafeRawBufferPointer(rebasing: source[offset...])) }
        }
        guard copied > 0 else { return UnsafeRawBufferPointer(rebasing: source[..<offset]) }
        output.append(UnsafeRawBufferPointer(rebasing: source[copied..<offset]))
        return output.bytes
    }

    /// Writes the changed form of a frame.
    private mutating func writeChanged(_ frame: UnsafeRawBufferPointer) {
        switch exchange(&change, with: .drop) {
        case .drop: break
        case .replace(let bytes): output.append(bytes)
        case .edit(let edit, let fields, let before):
            output.append(before)
            // A frame that would exceed the maximum size is passed on unchanged.
            if edit.isEmpty || !edit.write(frame, fields, limit: maxFrameSize, to: &output) { output.append(frame) }
        }
    }

    private static func isHeader(_ base: UnsafeRawPointer) -> Bool { Encoded.word(base, 0) == 0x414d_5150 }

    // MARK: To the peer

    /// Processes proton's output.
    /// - Returns: the bytes to send, valid until the next call of a mutating function; the incomplete beginning of a frame is
    ///   held back until more of it is written.
    mutating func send(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        output.removeAll()
        let isContinued = !outgoing.partial.isEmpty
        if isContinued { outgoing.partial.append(bytes) }
        let source = isContinued ? outgoing.partial.bytes : bytes
        guard let base = source.baseAddress else { return source }
        var offset = 0
        var copied = 0
        while true {
            let left = source.count - offset
            if outgoing.rest > 0 {
                let count = min(left, outgoing.rest)
                offset += count
                outgoing.rest -= count
                if outgoing.rest > 0 { break }
                continue
            }
            if hasAnswers {
                output.append(UnsafeRawBufferPointer(rebasing: source[copied..<offset]))
                copied = offset
                for frame in sessions.takeAnswers() { output.append(frame) }
            }
            if case .header = outgoing.phase, left >= 4 {
                outgoing.phase = .frames
                if FrameScanner.isHeader(base + offset) {
                    outgoing.rest = 8
                    continue
                }
            }
            guard left >= 8 else { break }
            let size = Int(Encoded.word(base, offset))
            if left >= FrameScanner.headerSize + PlainTransfer.room,
                size >= FrameScanner.headerSize + PlainTransfer.room,
                countsPlainTransfer(base + offset)
            {
                outgoing.rest = size
                continue
            }
            let prefix = min(size, FrameScanner.prefix)
            guard left >= prefix else { break }
            if goesOut(base + offset, available: min(left, size)) {
                outgoing.rest = max(FrameScanner.headerSize, size)
            } else {
                output.append(UnsafeRawBufferPointer(rebasing: source[copied..<offset]))
                writeChanged(UnsafeRawBufferPointer(start: base + offset, count: prefix))
                offset += prefix
                copied = offset
            }
        }
        if isContinued {
            outgoing.partial.consume(offset)
        } else {
            outgoing.partial.removeAll()
            outgoing.partial.append(UnsafeRawBufferPointer(rebasing: source[offset...]))
        }
        guard copied > 0 || !output.isEmpty else { return UnsafeRawBufferPointer(rebasing: source[..<offset]) }
        output.append(UnsafeRawBufferPointer(rebasing: source[copied..<offset]))
        return output.bytes
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// Reads the frames of one connection, both ways, between the socket and proton's parser.
///
/// What comes is handed on in whole frames, unchanged but where proton 0.37 does not read what AMQP 1.0 allows. What goes
/// out is followed, so that flows can be answered that proton does not answer; such answers are put between its frames.
/// A frame that would crash, bloat or stall proton, or that it takes for another one, is refused: that and what follows it
/// is not handed on.
///
/// It is pure: bytes in, bytes out. It allocates nothing for a frame that it does not change.
struct FrameScanner: ~Copyable {
    /// The largest frame that may come, in bytes.
    let maxFrameSize: Int
    var sessions: SessionTable
    var output = ByteStore()
    private var incoming = Incoming()
    private var outgoing = Outgoing()
    /// The links of this side that only make proton write: channel and handle of those whose detach has not passed.
    var scratchLinks: [(channel: UInt16, handle: UInt32)] = []

    private struct Incoming: ~Copyable {
        /// What has come of a frame that is not complete; after a call also what that handed on.
        var partial = ByteStore()
        var phase = Phase.header
    }

    private struct Outgoing: ~Copyable {
        /// The beginning of a frame, of which more is needed before it goes on.
        var partial = ByteStore()
        var phase = Phase.header
        /// How many bytes of the current frame go on as they are.
        var rest = 0
    }

    private enum Phase {
        /// A protocol header may come, or frames: where the first bytes have come another way.
        case header
        case frames
        /// What comes is no AMQP: proton gets it as it is, and says so.
        case broken
    }

    /// How far the peer has come.
    enum PeerState {
        /// Nothing but its header has come this way, if that.
        case header
        /// What it has sent before has not come this way: it may have opened the connection.
        case unknown
        case open
        /// This side has closed the connection with an error: nothing counts any more but the peer's close (AMQP 1.0, 2.4.6), and its open
        /// where that comes late.
        case discarding
    }

    /// What becomes of a frame that does not simply go on.
    enum Change {
        case drop
        case replace([UInt8])
        /// It goes on after another frame, which may be none, with parts of it replaced.
        case edit(FrameEdit, FrameFields, after: [UInt8])
    }

    /// What becomes of the frame that has just been looked at, where that did not simply pass.
    var change = Change.drop

    /// How much of a frame of this side's is looked at: it holds all fields that count, and every frame that is dropped.
    static let prefix = 384
    /// The size of a frame's header as proton writes it, in bytes.
    static let headerSize = 8

    /// What the peer has done wrong; nothing that comes is handed on from there.
    var violation: FrameViolation?
    /// Whether this side has sent a frame without a body.
    var hasSentHeartbeat = false
    var state = PeerState.header
    /// How long a name may be, in bytes: of a link, a container or a host.
    let maxNameSize: Int

    init(maxFrameSize: UInt32, maxSessions: Int, maxLinks: Int, maxNameSize: Int) {
        self.maxFrameSize = Int(maxFrameSize)
        self.maxNameSize = maxNameSize
        sessions = SessionTable(maxSessions: maxSessions, maxLinks: maxLinks)
    }

    /// Whether flows are due that this side owes its peer: they go out with its next frames.
    var hasAnswers: Bool { !sessions.answers.isEmpty }

    // MARK: From the peer

    /// Takes bytes from the peer.
    /// - Returns: the whole frames that can be handed on, valid until the next call of a mutating function.
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
        // The rest waits for what completes it; after a violation nothing does.
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

    /// Writes a frame in its changed form.
    private mutating func writeChanged(_ frame: UnsafeRawBufferPointer) {
        switch exchange(&change, with: .drop) {
        case .drop: break
        case .replace(let bytes): output.append(bytes)
        case .edit(let edit, let fields, let before):
            output.append(before)
            // One that would become larger than a frame may be goes on as it came.
            if edit.isEmpty || !edit.write(frame, fields, limit: maxFrameSize, to: &output) { output.append(frame) }
        }
    }

    private static func isHeader(_ base: UnsafeRawPointer) -> Bool { Encoded.word(base, 0) == 0x414d_5150 }

    // MARK: To the peer

    /// Takes bytes from proton.
    /// - Returns: the bytes that go out, valid until the next call of a mutating function; what is held back of a frame's
    ///   beginning goes out with more of it.
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

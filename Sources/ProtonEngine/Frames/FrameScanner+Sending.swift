// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Reads the frames that proton sends.
extension FrameScanner {
    /// The name of a link that only makes proton write, so that flows can be sent; none of its frames is sent.
    ///
    /// No link name of a peer can equal it, because these bytes are not UTF-8.
    static let scratchName: [UInt8] = [0xff, 0xfe]

    /// Counts a transfer that this side sends.
    /// - Returns: false if the frame is not a plain transfer, and has to be checked.
    @inline(__always)
    mutating func countsPlainTransfer(_ base: UnsafeRawPointer) -> Bool {
        guard let transfer = PlainTransfer(base + FrameScanner.headerSize) else { return false }
        count(transfer.handle, isComplete: transfer.isComplete, on: Encoded.half(base, 6))
        return true
    }

    @inline(__always)
    private mutating func count(_ handle: UInt32, isComplete: Bool, on channel: UInt16) {
        guard let session = sessions.ourIndex(channel),
            let drained = sessions.countTransfer(of: handle, isComplete: isComplete, on: session)
        else { return }
        sessions.request(link: drained, of: session)
    }

    /// Checks a frame of this side.
    /// - Parameter available: the number of the frame's bytes that are available.
    /// - Returns: whether it is sent unchanged; if not, all of it is available, and `change` is set.
    mutating func goesOut(_ base: UnsafeRawPointer, available: Int) -> Bool {
        if Encoded.word(base, 0) == FrameScanner.headerSize { hasSentHeartbeat = true }
        // Proton writes a header of eight bytes, and descriptors in short form.
        guard available >= 12, let descriptor = FrameDescriptor(base, FrameScanner.headerSize, available),
            let fields = FrameFields(base, list: descriptor.place.upperBound, limit: available)
        else { return true }
        let channel = Encoded.half(base, 6)
        if descriptor.code == 0x14 {
            writeTransfer(channel, fields)
            return true
        }
        return goesOut(descriptor.code, channel, fields, isWhole: Encoded.word(base, 0) == available)
    }

    private mutating func writeTransfer(_ channel: UInt16, _ fields: FrameFields) {
        var rest = fields
        let handle = rest.uint()
        rest.skip(4)
        let isComplete = !rest.isTrue()
        count(handle ?? .max, isComplete: isComplete, on: channel)
    }

    private mutating func goesOut(
        _ code: UInt64, _ channel: UInt16, _ fields: FrameFields, isWhole: Bool
    ) -> Bool {
        var rest = fields
        switch code {
        case 0x11:
            let peer = rest.ushort()
            let (next, window, outgoing) = (rest.uint(), rest.uint(), rest.uint())
            if let session = sessions.localBegin(channel, answering: peer) {
                sessions.with(session) { session in
                    session.nextOutgoing = next ?? 0
                    session.incomingWindow = .initial(window ?? 0)
                    session.outgoingWindow = outgoing ?? 0
                }
            }
            // Proton 0.37 does not send its handle-max.
            guard isWhole, fields.count <= 4, fields.audit(PerformativeRules.of(.begin)) == .passed(values: 0) else {
                return true
            }
            var edit = FrameEdit()
            edit.add(FrameBytes.uint(FrameSession.handleMax), index: 4, to: fields)
            change = .edit(edit, fields, after: [])
            return false
        case 0x12: return writeAttach(channel, fields)
        case 0x13: writeFlow(channel, fields)
        case 0x16:
            guard let handle = rest.uint() else { return true }
            if let scratch = scratchLinks.firstIndex(where: { $0 == (channel, handle) }) {
                scratchLinks.remove(at: scratch)
                change = .drop
                return false
            }
            if let session = sessions.ourIndex(channel) { sessions.weDetach(handle, on: session) }
        case 0x17: sessions.forgetOurs(channel)
        case 0x18:
            // After a close without an error, the peer still sends outcomes and ends, which must be processed.
            if rest.remaining > 0, rest.constructor != 0x40 { state = .discarding }
            sessions.dropAnswers()
        default: break
        }
        return true
    }

    private mutating func writeFlow(_ channel: UInt16, _ fields: FrameFields) {
        var rest = fields
        let nextIncoming = rest.uint()
        let window = rest.uint()
        rest.skip(2)
        let (handle, count, credit) = (rest.uint(), rest.uint(), rest.uint())
        guard let session = sessions.ourIndex(channel) else { return }
        sessions.with(session) { session in
            if let nextIncoming, let window { session.incomingWindow = .end(nextIncoming &+ window) }
            guard let handle, let link = session.link(ourHandle: handle), let count else { return }
            if session.links[link].name.isLocalSender {
                session.links[link].deliveryCount = count
                session.links[link].awaitsDrainEnd = false
            } else {
                session.links[link].give(count: count, credit: credit ?? 0)
            }
        }
    }

    private mutating func writeAttach(_ channel: UInt16, _ fields: FrameFields) -> Bool {
        var rest = fields
        guard let text = rest.variable(), let handle = rest.uint() else { return true }
        let isReceiver = rest.isTrue()
        if text.elementsEqual(FrameScanner.scratchName) {
            scratchLinks.append((channel, handle))
            change = .drop
            return false
        }
        guard let session = sessions.ourIndex(channel) else { return true }
        sessions.localAttach(FrameLink.Name(text, isLocalSender: !isReceiver), handle, on: session)
        return true
    }
}

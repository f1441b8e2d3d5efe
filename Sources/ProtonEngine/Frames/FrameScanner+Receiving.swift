/// What is read of the frames that come, and changed in them.
extension FrameScanner {
    /// Counts a transfer that goes on as it is.
    /// - Returns: whether the frame is one; where not, it has to be looked at.
    @inline(__always)
    mutating func isPlainTransfer(_ base: UnsafeRawPointer, _ size: Int, _ header: Int) -> Bool {
        guard size - header >= PlainTransfer.room, base.load(fromByteOffset: 5, as: UInt8.self) == 0,
            let transfer = PlainTransfer(base + header), !transfer.needsReading
        else { return false }
        sessions.countTransfer(fromPeerOn: Encoded.half(base, 6))
        return true
    }

    /// Looks at a frame of the peer's that has a body.
    /// - Parameter header: how long the frame's header is, in bytes.
    /// - Returns: whether it goes on as it is; where not, `change` says what becomes of it.
    mutating func passes(_ base: UnsafeRawPointer, _ size: Int, _ header: Int) -> Bool {
        guard base.load(fromByteOffset: 5, as: UInt8.self) == 0, let descriptor = FrameDescriptor(base, header, size),
            let fields = FrameFields(base, list: descriptor.place.upperBound, limit: size)
        else {
            hasPassedOther = true
            return true
        }
        var edit = FrameEdit()
        if descriptor.isSymbolic { edit.replace(descriptor.place, with: FrameBytes.descriptor(descriptor.code)) }
        let channel = Encoded.half(base, 6)
        switch descriptor.code {
        case 0x14: readTransfer(base, channel, fields, &edit)
        case 0x15:
            var rest = fields
            rest.skip(4)
            if rest.remaining > 0 { FrameScanner.readState(base, &rest, &edit) }
        case 0x13: guard readFlow(base, channel, fields, &edit) else { return false }
        case 0x12: guard readAttach(base, channel, fields, &edit) else { return false }
        case 0x16: guard readDetach(channel, fields) else { return false }
        case 0x11:
            var rest = fields
            sessions.peerBegins(channel, answering: rest.ushort())
        case 0x17: sessions.forgetPeer(channel)
        case 0x10, 0x18: break
        default: hasPassedOther = true
        }
        if edit.isEmpty { return true }
        change = .edit(edit, fields, after: [])
        return false
    }

    // MARK: States

    /// Reads a delivery state, and puts its descriptor into the numeric form (AMQP 1.0, 3.4).
    @inline(__always)
    private static func readState(_ base: UnsafeRawPointer, _ fields: inout FrameFields, _ edit: inout FrameEdit) {
        guard let place = fields.place(), let state = FrameDescriptor(base, place.lowerBound, place.upperBound),
            state.isSymbolic
        else { return }
        edit.replace(state.place, with: FrameBytes.descriptor(state.code))
    }

    /// Reads a transfer (AMQP 1.0, 2.7.5): it is counted, and a message format other than 0 is put where the engine finds it.
    @inline(__always)
    private mutating func readTransfer(
        _ base: UnsafeRawPointer, _ channel: UInt16, _ fields: FrameFields, _ edit: inout FrameEdit
    ) {
        sessions.countTransfer(fromPeerOn: channel)
        var rest = fields
        rest.skip(3)
        guard rest.remaining > 0 else { return }
        let start = rest.offset
        let format = rest.uint() ?? 0
        if format != 0 { return FrameScanner.move(format, at: start..<rest.offset, rest, base, fields, &edit) }
        guard rest.remaining > 3 else { return }
        rest.skip(3)
        readStateOfTransfer(base, &rest, &edit)
    }

    private func readStateOfTransfer(_ base: UnsafeRawPointer, _ fields: inout FrameFields, _ edit: inout FrameEdit) {
        FrameScanner.readState(base, &fields, &edit)
    }

    /// Moves a message format into the transfer's state, which proton keeps with the delivery: `MessageFormat`.
    private static func move(
        _ format: UInt32, at place: Range<Int>, _ fields: FrameFields, _ base: UnsafeRawPointer,
        _ all: FrameFields, _ edit: inout FrameEdit
    ) {
        edit.replace(place, with: [0x40])
        var rest = fields
        rest.skip(min(3, rest.remaining))
        let descriptor = [0] + FrameBytes.descriptor(MessageFormat.code(of: format))
        guard rest.remaining > 0 else {
            // A list that ends before its fields do is left to proton.
            if rest.offset == all.end { edit.add(descriptor + [0x45], index: 7, to: all) } else { edit = FrameEdit() }
            return
        }
        let start = rest.offset
        guard let state = rest.place() else {
            return edit.replace(start..<rest.offset, with: descriptor + [0x45])
        }
        var bytes = Array(UnsafeRawBufferPointer(start: base + state.lowerBound, count: state.count))
        if let inner = FrameDescriptor(base, state.lowerBound, state.upperBound), inner.isSymbolic {
            bytes.replaceSubrange(
                inner.place.lowerBound - state.lowerBound..<inner.place.upperBound - state.lowerBound,
                with: FrameBytes.descriptor(inner.code))
        }
        // A list of the state alone.
        let size = withUnsafeBytes(of: UInt32(bytes.count + 4).bigEndian, Array.init)
        edit.replace(state, with: descriptor + [0xd0] + size + [0, 0, 0, 1] + bytes)
    }

    // MARK: Flows

    /// Reads a flow (AMQP 1.0, 2.7.4).
    /// - Returns: whether it goes on.
    private mutating func readFlow(
        _ base: UnsafeRawPointer, _ channel: UInt16, _ fields: FrameFields, _ edit: inout FrameEdit
    ) -> Bool {
        var rest = fields
        let nextIncoming = rest.uint()
        let incomingWindow = rest.uint()
        let nextOutgoing = rest.uint()
        let outgoingWindow = rest.uint()
        let handle = rest.uint()
        let count = rest.uint()
        let start = rest.offset
        var credit = rest.uint()
        if let given = credit, given > UInt32(Int32.max) {
            // Proton counts credit in an int: more than this it takes for less than none.
            credit = UInt32(Int32.max)
            edit.replace(start..<rest.offset, with: [0x70, 0x7f, 0xff, 0xff, 0xff])
        }
        rest.skip()
        let drain = rest.isTrue()
        let echo = rest.isTrue()

        guard let session = sessions.peerSession(channel) else { return true }
        if let nextOutgoing {
            sessions.with(session) { $0.firstIncoming = nextOutgoing &- $0.received }
        }
        guard let handle, let link = sessions.sessions[session].link(peerHandle: handle) else {
            if echo { sessions.request(session: session) }
            return true
        }
        let isStolen = sessions.with(session) { session in
            session.links[link].noteFlow(count: count, credit: credit, drain: drain)
            return session.links[link].isStolen
        }
        if isStolen {
            if echo { sessions.request(session: session) }
            // What it says of the session counts.
            change = .replace(
                FrameBytes.flow(
                    channel: channel,
                    FrameBytes.Windows(
                        nextIncomingID: nextIncoming, incomingWindow: incomingWindow ?? 0,
                        nextOutgoingID: nextOutgoing ?? 0, outgoingWindow: outgoingWindow ?? 0)))
            return false
        }
        if echo || sessions.sessions[session].links[link].hasDrained() {
            sessions.with(session) { $0.links[link].awaitsDrainEnd = false }
            sessions.request(link: link, of: session)
        }
        return true
    }

    // MARK: Links

    /// Reads an attach (AMQP 1.0, 2.7.3): a link of this name that is attached is taken from its peer (2.6.1).
    /// - Returns: whether it goes on as it is.
    private mutating func readAttach(
        _ base: UnsafeRawPointer, _ channel: UInt16, _ fields: FrameFields, _ edit: inout FrameEdit
    ) -> Bool {
        var rest = fields
        let text = rest.variable()
        let handle = rest.uint()
        let isReceiver = rest.isTrue()
        rest.skip(2)
        for _ in 0..<2 { FrameScanner.readState(base, &rest, &edit) }
        guard let text, let handle, let session = sessions.peerSession(channel) else { return true }
        let name = FrameLink.Name(text, weSend: isReceiver)
        guard let stolen = sessions.peerAttaches(name, handle, on: session) else { return true }
        change = .edit(edit, fields, after: FrameBytes.stolen(channel: channel, handle: stolen))
        return false
    }

    /// Reads a detach (AMQP 1.0, 2.7.7): that of a link that was stolen is not for proton, for which the link is no more.
    /// - Returns: whether it goes on.
    private mutating func readDetach(_ channel: UInt16, _ fields: FrameFields) -> Bool {
        var rest = fields
        guard let handle = rest.uint(), let session = sessions.peerIndex(channel),
            let link = sessions.sessions[session].link(peerHandle: handle)
        else { return true }
        let isStolen = sessions.sessions[session].links[link].isStolen
        sessions.peerDetaches(link, of: session)
        change = .drop
        return !isStolen
    }
}

extension FrameLink.Name {
    init(_ text: UnsafeRawBufferPointer, weSend: Bool) {
        var hasher = Hasher()
        hasher.combine(bytes: text)
        self.init(hash: hasher.finalize(), weSend: weSend)
    }
}

extension FrameLink {
    /// A flow of the peer's for the link.
    mutating func noteFlow(count: UInt32?, credit: UInt32?, drain: Bool) {
        if name.weSend {
            // Before it knows the count the receiver counts from the first one, which proton says is 0.
            creditEnd = (count ?? 0) &+ (credit ?? 0)
            isDraining = drain
            awaitsDrainEnd = drain
        } else if let count {
            deliveryCount = count
        }
    }

    /// Whether a drain is under way on a link where this side sends, and all credit has been used.
    func hasDrained() -> Bool { awaitsDrainEnd && Int32(bitPattern: creditEnd &- deliveryCount) <= 0 }
}

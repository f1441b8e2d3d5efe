// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Checks received frames, and changes them where needed.
extension FrameScanner {
    /// Counts a transfer that is passed on unchanged.
    /// - Returns: false if the frame is not such a transfer, and has to be checked.
    @inline(__always)
    mutating func isPlainTransfer(_ base: UnsafeRawPointer, _ size: Int, _ header: Int) -> Bool {
        guard size - header >= PlainTransfer.room, base.load(fromByteOffset: 5, as: UInt8.self) == 0,
            let transfer = PlainTransfer(base + header), !transfer.needsReading, header + transfer.size <= size,
            state == .open
        else { return false }
        let fault = sessions.take(
            FrameLink.Transfer(
                handle: transfer.handle, deliveryID: transfer.hasDeliveryID ? transfer.deliveryID : nil,
                isComplete: transfer.isComplete, isAborted: false, isEmpty: header + transfer.size == size),
            on: Encoded.half(base, 6))
        guard let fault else { return true }
        violation = fault
        return false
    }

    /// Counts a disposition that is passed on unchanged.
    /// - Returns: false if the frame is not such a disposition, and has to be checked.
    @inline(__always)
    mutating func isPlainDisposition(_ base: UnsafeRawPointer, _ size: Int, _ header: Int) -> Bool {
        guard base.load(fromByteOffset: 5, as: UInt8.self) == 0, state == .open, violation == nil,
            let disposition = PlainDisposition(base + header, limit: size - header),
            let session = sessions.peerIndex(Encoded.half(base, 6))
        else { return false }
        let range = DispositionCount.Range(
            first: disposition.first, last: disposition.last, isSettled: disposition.isSettled, values: 2)
        guard sessions.takes(range, fromReceiver: disposition.isReceiver, on: session) else {
            violation = .dispositions
            return false
        }
        return true
    }

    /// Checks a frame of the peer that has a body.
    /// - Parameter header: the size of the frame's header, in bytes.
    /// - Returns: whether it is passed on unchanged; if not, `change` or `violation` is set.
    mutating func passes(_ base: UnsafeRawPointer, _ size: Int, _ header: Int) -> Bool {
        guard violation == nil else { return false }
        let type = base.load(fromByteOffset: 5, as: UInt8.self)
        guard type == 0 else { return refuse(.frameType(type)) }
        guard let descriptor = FrameDescriptor(base, header, size),
            let performative = UInt8(exactly: descriptor.code).flatMap(FrameViolation.Performative.init)
        else { return refuse(.performative) }
        if state == .discarding, performative != .close, performative != .open {
            change = .drop
            return false
        }
        guard let fields = FrameFields(base, list: descriptor.place.upperBound, limit: size), fields.end <= size else {
            return refuse(.encoding(performative))
        }
        let values: Int
        switch fields.audit(PerformativeRules.of(performative)) {
        case .passed(let count): values = count
        case .malformed: return refuse(.encoding(performative))
        case .incomplete: return refuse(.missingField(performative))
        case .tooMany(let most): return refuse(.values(performative, most: most))
        }
        guard enters(performative) else { return false }
        var edit = FrameEdit()
        if descriptor.isSymbolic { edit.replace(descriptor.place, with: FrameBytes.descriptor(descriptor.code)) }
        let channel = Encoded.half(base, 6)
        switch performative {
        case .transfer: guard readTransfer(base, size, channel, fields, &edit) else { return false }
        case .disposition: guard readDisposition(base, channel, fields, values, &edit) else { return false }
        case .flow: guard readFlow(base, channel, fields, &edit) else { return false }
        case .attach:
            let weight = size + FrameLink.bytesPerValue * values
            guard readAttach(base, channel, fields, weight, &edit) else { return false }
        case .detach: guard readDetach(channel, fields) else { return false }
        case .begin:
            var rest = fields
            if let violation = sessions.peerBegins(channel, answering: rest.ushort()) { return refuse(violation) }
            rest.skip(3)
            sessions.peerHandleMax = min(sessions.peerHandleMax, rest.uint() ?? .max)
        case .end: if let violation = sessions.peerEnds(channel) { return refuse(violation) }
        case .open: guard readOpen(fields) else { return false }
        case .close: break
        }
        if edit.isEmpty { return true }
        change = .edit(edit, fields, after: [])
        return false
    }

    /// Records a violation, so that neither this frame nor any later input is passed on.
    /// - Returns: false.
    private mutating func refuse(_ violation: FrameViolation) -> Bool {
        self.violation = violation
        return false
    }

    /// Whether a performative is allowed now: the first one must be an open, and there must be only one open.
    private mutating func enters(_ performative: FrameViolation.Performative) -> Bool {
        switch (state, performative) {
        case (.header, .open), (.unknown, .open):
            sessions.knowsAll = true
            state = .open
        case (.header, _): return refuse(.notOpen)
        case (.unknown, _): state = .open
        case (.open, .open): return refuse(.openTwice)
        case (.open, _), (.discarding, _): break
        }
        return true
    }

    /// Reads an open (AMQP 1.0, 2.7.1).
    private mutating func readOpen(_ fields: FrameFields) -> Bool {
        var rest = fields
        for _ in 0..<2 {
            if let name = rest.variable(), name.count > maxNameSize { return refuse(.nameSize(limit: maxNameSize)) }
        }
        return true
    }

    // MARK: States

    /// Reads a delivery state, and converts its descriptor to the numeric form (AMQP 1.0, 3.4).
    @inline(__always)
    private static func readState(_ base: UnsafeRawPointer, _ fields: inout FrameFields, _ edit: inout FrameEdit) {
        guard let place = fields.place(), let state = FrameDescriptor(base, place.lowerBound, place.upperBound),
            state.isSymbolic
        else { return }
        edit.replace(state.place, with: FrameBytes.descriptor(state.code))
    }

    /// Reads, counts and checks a transfer (AMQP 1.0, 2.7.5), and stores a message format other than 0 for the engine.
    /// - Returns: whether it is passed on.
    @inline(__always)
    private mutating func readTransfer(
        _ base: UnsafeRawPointer, _ size: Int, _ channel: UInt16, _ fields: FrameFields, _ edit: inout FrameEdit
    ) -> Bool {
        var rest = fields
        guard let handle = rest.uint() else { return refuse(.missingField(.transfer)) }
        let id = rest.uint()
        if let tag = rest.variable(), tag.count > FrameSession.maxTagSize { return refuse(.encoding(.transfer)) }
        let start = rest.offset
        let format = rest.uint() ?? 0
        let afterFormat = rest
        rest.skip()
        let isComplete = !rest.isTrue()
        var last = rest
        last.skip(3)
        let transfer = FrameLink.Transfer(
            handle: handle, deliveryID: id, isComplete: isComplete, isAborted: last.isTrue(),
            isEmpty: fields.end == size)
        if let violation = sessions.take(transfer, on: channel) { return refuse(violation) }
        if format != 0 {
            FrameScanner.move(format, at: start..<afterFormat.offset, afterFormat, base, fields, &edit)
        } else {
            rest.skip()
            if rest.remaining > 0 { FrameScanner.readState(base, &rest, &edit) }
        }
        return true
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
            // If the list ends before its fields do, proton reports the error.
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
        // A list with the state as its only element.
        let size = withUnsafeBytes(of: UInt32(bytes.count + 4).bigEndian, Array.init)
        edit.replace(state, with: descriptor + [0xd0] + size + [0, 0, 0, 1] + bytes)
    }

    // MARK: Dispositions

    /// Reads a disposition (AMQP 1.0, 2.7.6), whose state may have a symbolic descriptor.
    /// - Returns: whether it is passed on.
    private mutating func readDisposition(
        _ base: UnsafeRawPointer, _ channel: UInt16, _ fields: FrameFields, _ values: Int, _ edit: inout FrameEdit
    ) -> Bool {
        var rest = fields
        let isReceiver = rest.isTrue()
        let first = rest.uint() ?? 0
        let last = rest.uint() ?? first
        let isSettled = rest.isTrue()
        if rest.remaining > 0 { FrameScanner.readState(base, &rest, &edit) }
        guard let session = sessions.peerSession(channel) else { return refuse(.noSession(channel)) }
        let range = DispositionCount.Range(first: first, last: last, isSettled: isSettled, values: values)
        guard sessions.takes(range, fromReceiver: isReceiver, on: session) else { return refuse(.dispositions) }
        return true
    }

    // MARK: Flows

    /// Reads a flow (AMQP 1.0, 2.7.4).
    /// - Returns: whether it is passed on unchanged.
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
            // Proton stores credit in an int, where a larger value would be negative.
            credit = UInt32(Int32.max)
            edit.replace(start..<rest.offset, with: [0x70, 0x7f, 0xff, 0xff, 0xff])
        }
        rest.skip()
        let drain = rest.isTrue()
        let echo = rest.isTrue()

        guard let session = sessions.peerSession(channel) else { return refuse(.noSession(channel)) }
        if let nextOutgoing {
            sessions.with(session) { $0.firstIncoming = nextOutgoing &- $0.received }
        }
        guard let handle, let link = sessions.sessions[session].link(peerHandle: handle) else {
            if let handle, sessions.knowsAll { return refuse(.noLink(handle)) }
            if echo { sessions.request(session: session) }
            return true
        }
        let isStolen = sessions.with(session) { session in
            session.links[link].noteFlow(count: count, credit: credit, drain: drain)
            return session.links[link].isStolen
        }
        if isStolen {
            if echo { sessions.request(session: session) }
            // Proton still needs the session fields.
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

    /// Reads an attach (AMQP 1.0, 2.7.3); it detaches an attached link with the same name, as a steal (2.6.1).
    /// - Returns: whether it is passed on unchanged.
    private mutating func readAttach(
        _ base: UnsafeRawPointer, _ channel: UInt16, _ fields: FrameFields, _ weight: Int, _ edit: inout FrameEdit
    ) -> Bool {
        var rest = fields
        let text = rest.variable()
        let handle = rest.uint()
        let isReceiver = rest.isTrue()
        rest.skip(2)
        for _ in 0..<2 { FrameScanner.readState(base, &rest, &edit) }
        rest.skip(2)
        let count = rest.uint() ?? 0
        guard let text, let handle else { return refuse(.missingField(.attach)) }
        guard text.count <= maxNameSize else { return refuse(.nameSize(limit: maxNameSize)) }
        guard FrameLink.Name.isText(text) else { return refuse(.name) }
        guard let session = sessions.peerSession(channel) else { return refuse(.noSession(channel)) }
        let name = FrameLink.Name(text, isLocalSender: isReceiver)
        switch sessions.peerAttaches(name, handle, count: count, weight: weight, on: session) {
        case .taken: return true
        case .refused(let violation): return refuse(violation)
        case .stolen(let stolen):
            change = .edit(edit, fields, after: FrameBytes.stolen(channel: channel, handle: stolen))
            return false
        }
    }

    /// Reads a detach (AMQP 1.0, 2.7.7); that of a stolen link is dropped, because proton no longer has the link.
    /// - Returns: whether it is passed on.
    private mutating func readDetach(_ channel: UInt16, _ fields: FrameFields) -> Bool {
        var rest = fields
        guard let handle = rest.uint() else { return refuse(.missingField(.detach)) }
        guard let session = sessions.peerIndex(channel), let link = sessions.sessions[session].link(peerHandle: handle)
        else {
            guard sessions.knowsAll else { return true }
            return refuse(sessions.peerIndex(channel) == nil ? .noSession(channel) : .noLink(handle))
        }
        let isStolen = sessions.sessions[session].links[link].isStolen
        sessions.peerDetaches(link, of: session)
        change = .drop
        return !isStolen
    }
}

extension FrameLink.Name {
    /// Whether bytes can be the name of a link: proton's names end at a zero byte, and the engine's are UTF-8.
    static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
        !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
    }

    init(_ text: UnsafeRawBufferPointer, isLocalSender: Bool) {
        var hasher = Hasher()
        hasher.combine(bytes: text)
        self.init(hash: hasher.finalize(), isLocalSender: isLocalSender)
    }
}

extension FrameLink {
    /// Records a flow of the peer for the link.
    mutating func noteFlow(count: UInt32?, credit: UInt32?, drain: Bool) {
        if name.isLocalSender {
            // Before the receiver knows the delivery-count, it counts from the initial one, which is 0 in proton's attach.
            creditEnd = (count ?? 0) &+ (credit ?? 0)
            isDraining = drain
            awaitsDrainEnd = drain
        } else if let count {
            advance(to: count)
        }
    }

    /// Whether a drain is in progress on a link where this side is the sender, and all credit is used.
    func hasDrained() -> Bool { awaitsDrainEnd && Int32(bitPattern: creditEnd &- deliveryCount) <= 0 }
}

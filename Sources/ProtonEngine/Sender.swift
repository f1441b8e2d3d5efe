// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton

/// The sending end of a link.
public final class Sender: Link {
    /// The number of deliveries begun here, which is the tag of deliveries without a tag of their own.
    @exclusivity(unchecked) private var count: UInt64 = 0
    /// Rarely used properties in one object, so that other senders make one check for each message.
    @exclusivity(unchecked) private var extras: Extras?
    /// The number of the last delivery that the credit covered when the last drain was reported.
    @exclusivity(unchecked) private var reportedDrain: UInt64?

    /// The maximum message size of the peer, in bytes.
    @exclusivity(unchecked) private var peerLimit = Int.max

    private final class Extras {
        var makeTag: (() -> [UInt8])?
        var streamed: Delivery?
        /// The number of bytes written of the message that is sent in pieces.
        var written = 0
    }

    // MARK: Whole messages

    /// Sends a message.
    ///
    /// It is written after the callback; its outcome is reported by `onAccepted` and similar callbacks. On a link whose messages
    /// are sent settled (`.atMostOnce`), the delivery is already settled.
    /// - Throws: `ProtonError.Code.noCredit` if the sender has no credit, or if the peer does not read the output
    ///   (`ConnectionLimits.maxUnsentBytes`): send from `onSendable`, while `credit` is above zero; `ProtonError.Code.closed` if
    ///   the link, its session or its connection was closed on either side, or is lost; `ProtonError.Code.limitExceeded` if the
    ///   message exceeds the peer's maximum size (`remoteMaxMessageSize`): the link stays usable; `CodecError` if the message is
    ///   too deep or too large to encode; `ProtonError.Code.invalidArgument` while a message is sent in pieces (`stream`), and if
    ///   `makeTag` made a tag that is not 1 to 32 bytes. Nothing is sent then.
    @discardableResult
    public func send(_ message: Message) throws -> Delivery { try send(message, with: nil) }

    /// Sends a message, with an optional state.
    /// - Throws: as `send(_:)` does.
    package func send(_ message: Message, with state: DeliveryState?) throws -> Delivery {
        let pointer = try admitted()
        if extras != nil { return try sendUnusually(message, state: state) }
        return try message.withEncoding { try begin(pointer, with: Encoding($0, $1, $2), state) }
    }

    /// Sends a message with a delivery tag chosen by the program, or with a state, such as that of a transaction.
    /// - Parameters:
    ///   - message: the message.
    ///   - tag: the delivery tag, 1 to 32 bytes, such as `"17".utf8`; it must be unique among the unsettled deliveries of the
    ///     link (AMQP 1.0, 2.6.12).
    ///   - state: this side's state for the delivery.
    /// - Throws: as `send(_:)` does; `ProtonError.Code.invalidArgument` if the tag is too short or too long.
    @discardableResult
    public func send(
        _ message: Message, tag: some Collection<UInt8>, state: DeliveryState? = nil
    ) throws -> Delivery {
        _ = try admitted()
        return try sendUnusually(message, tag: Array(tag), state: state)
    }

    /// Sends a message with a state, such as that of a transaction.
    /// - Throws: as `send(_:)` does.
    @discardableResult
    public func send(_ message: Message, state: DeliveryState) throws -> Delivery { try send(message, with: state) }

    /// Sends a message that is already encoded, with an optional state, such as that of a transaction.
    /// - Throws: as `send(_:)` does.
    @discardableResult
    public func send(encoded bytes: [UInt8], state: DeliveryState? = nil) throws -> Delivery {
        let pointer = try admitted()
        if extras != nil {
            let tag = try tag(nil)
            return try bytes.withUnsafeBytes { bytes in
                try tag.withUnsafeBytes { try begin(pointer, $0, Encoding(bytes), state) }
            }
        }
        return try bytes.withUnsafeBytes { try begin(pointer, with: Encoding($0), state) }
    }

    private func sendUnusually(
        _ message: Message, tag ownTag: [UInt8]? = nil, state: DeliveryState?
    ) throws -> Delivery {
        let tag = try tag(ownTag)
        // Checked again, because the program's `makeTag` may have changed the link.
        let pointer = try admitted()
        return try message.withEncoding { head, content, tail in
            try tag.withUnsafeBytes { try begin(pointer, $0, Encoding(head, content, tail), state) }
        }
    }

    // MARK: Tags

    /// Makes the tags of messages that are sent without one: 1 to 32 bytes, unique among the unsettled deliveries of the link.
    ///
    /// Nil, the default, numbers the deliveries.
    public var makeTag: (() -> [UInt8])? {
        get { extras?.makeTag }
        set {
            if newValue == nil, extras?.streamed == nil { extras = nil } else { ownExtras.makeTag = newValue }
        }
    }

    private var ownExtras: Extras {
        if let extras { return extras }
        let new = Extras()
        extras = new
        return new
    }

    /// Releases a message that is being sent in pieces, because it references its link and so forms a cycle.
    func forgetStream() { extras = nil }

    /// The tag of the next delivery.
    /// - Throws: if a message is being sent in pieces, because the next message would become part of it.
    private func tag(_ own: [UInt8]?) throws -> [UInt8] {
        if isStreaming {
            throw ProtonError(
                .invalidArgument,
                "A message is being sent in pieces on the \(title): finish() or abort() it before the next.")
        }
        guard let tag = own ?? extras?.makeTag?() else {
            return withUnsafeBytes(of: (count &+ 1).bigEndian) { Array($0) }
        }
        guard (1...32).contains(tag.count) else {
            throw ProtonError(.invalidArgument, "A delivery tag has \(tag.count) bytes: 1 to 32 are allowed.")
        }
        return tag
    }

    // MARK: Messages in pieces

    /// Begins a message that is sent in pieces: `write` them to the delivery, then `finish` or `abort` it.
    ///
    /// The pieces are parts of the encoded message. Write while `writableBytes` is above zero: in `onSendable`, which is called
    /// again when bytes have been written. No other message can be sent on the link until this one has ended.
    /// - Parameters:
    ///   - ownTag: as in `send(_:tag:state:)`; nil makes one.
    ///   - state: this side's state for the delivery.
    /// - Throws: as `send(_:tag:state:)` does.
    public func stream(tag ownTag: [UInt8]? = nil, state: DeliveryState? = nil) throws -> Delivery {
        _ = try admitted()
        let tag = try tag(ownTag)
        let pointer = try admitted()
        count &+= 1
        let made = tag.withUnsafeBytes { pn_delivery(pointer, $0.tag) }
        guard let made else {
            throw ProtonError(.limitExceeded, "There is no memory for a delivery on the \(title).")
        }
        state?.set(in: made)
        let delivery = Delivery(made, new: self)
        ownExtras.streamed = delivery
        ownExtras.written = 0
        return delivery
    }

    /// How many bytes of a message in pieces can be written now: the free part of `Session.outgoingCapacity`.
    ///
    /// It is 0 while the unsent output is at `ConnectionLimits.maxUnsentBytes`.
    public var writableBytes: Int {
        connection.unsent.isFull ? 0 : max(0, session.outgoingCapacity - session.outgoingBytes)
    }

    private var isStreaming: Bool { extras?.streamed.map(isStreaming) ?? false }

    /// Whether a delivery is the one that is being sent in pieces.
    func isStreaming(_ delivery: Delivery) -> Bool {
        delivery.isUnsettled && extras?.streamed == delivery
    }

    /// Counts bytes that are about to be added to the message that is sent in pieces.
    /// - Throws: `ProtonError.Code.limitExceeded` if they would exceed the peer's maximum message size.
    func admitPiece(_ count: Int) throws(ProtonError) {
        guard let extras else { return }
        connection.unsent.add(count)
        guard count <= peerLimit - extras.written else { throw tooLarge(extras.written + count) }
        extras.written += count
    }

    /// Ends the message that is sent in pieces.
    func endStream() {
        guard let extras else { return }
        extras.streamed = nil
        if extras.makeTag == nil { self.extras = nil }
    }

    // MARK: Credit

    /// Sets the number of messages that this side has available for the receiver (AMQP 1.0, 2.6.7: `available`).
    public func offered(_ count: Int) {
        confined().use { pn_link_offered($0, Int32(clamping: max(0, count))) }
    }

    /// Whether the receiver asks the sender to use its credit at once and to return the rest (AMQP 1.0, 2.6.7: `drain`); answer
    /// with `drained`.
    public var isDraining: Bool {
        confined().map { pn_link_get_drain($0) } ?? false
    }

    /// Returns the remaining credit to the receiver, if it has requested a drain, after the earlier output is written.
    /// - Returns: the amount of credit.
    @discardableResult
    public func drained() -> Int {
        reportedDrain = nil
        guard queuedCount > 0 || isStreaming, isDraining, creditUse == .open else {
            return confined().map { Int(pn_link_drained($0)) } ?? 0
        }
        // Proton checks only once whether all output is written before it sends the flow; and it would return the credit that a
        // message in pieces needs until it ends.
        defer { creditUse = .givenBack }
        return isStreaming ? max(0, credit - 1) : credit
    }

    /// Returns the credit that `drained` could not return; called after output was written.
    package func finishDrain() {
        guard creditUse == .givenBack, queuedCount == 0, !isStreaming else { return }
        creditUse = .open
        drained()
    }

    /// Whether the receiver requests a drain that was not reported yet; true once for the same credit.
    package func takeDrainStart() -> Bool {
        guard isDraining, case let credit = credit, credit > 0 else { return false }
        // A message in pieces uses its credit when it ends.
        let last = count &+ UInt64(credit) &- (isStreaming ? 1 : 0)
        guard reportedDrain != last else { return false }
        reportedDrain = last
        return true
    }

    // MARK: Deliveries

    /// Proton's link, if it may send.
    private func admitted() throws -> OpaquePointer {
        guard let pointer = confined() else {
            throw ProtonError(.closed, "The \(title) is over: nothing can be sent on it.")
        }
        guard pn_link_credit(pointer) > 0, creditUse == .open, !connection.unsent.isFull else { throw refusal }
        return pointer
    }

    /// The error if nothing can be sent.
    private var refusal: ProtonError {
        if creditUse == .ended {
            return ProtonError(
                .closed,
                "The \(title) has been closed, or what it is on, or its connection is lost: nothing can be sent on it.")
        }
        if connection.unsent.isFull {
            return ProtonError(
                .noCredit,
                "The peer has not read \(connection.limits.maxUnsentBytes) bytes that were sent to it (maxUnsentBytes): "
                    + "send from onSendable, which is called when they are written.")
        }
        return ProtonError(
            .noCredit, "The \(title) has no credit: send from onSendable, while the sender's credit is above 0.")
    }

    private func tooLarge(_ size: Int) -> ProtonError {
        ProtonError(
            .limitExceeded,
            "A message of \(size) bytes is too large for the \(title): the peer takes \(peerLimit) bytes at most.")
    }

    /// The bytes of a message, in one piece or in three.
    private struct Encoding {
        let head: UnsafeRawBufferPointer
        let content: UnsafeRawBufferPointer?
        let tail: UnsafeRawBufferPointer?

        @inline(__always)
        init(
            _ head: UnsafeRawBufferPointer, _ content: UnsafeRawBufferPointer? = nil,
            _ tail: UnsafeRawBufferPointer? = nil
        ) {
            self.head = head
            self.content = content
            self.tail = tail
        }

        @inline(__always)
        var count: Int { head.count &+ (content?.count ?? 0) &+ (tail?.count ?? 0) }
    }

    private func begin(
        _ pointer: OpaquePointer, with bytes: Encoding, _ state: DeliveryState? = nil
    ) throws -> Delivery {
        var tag = (count &+ 1).bigEndian
        return try withUnsafeBytes(of: &tag) { try begin(pointer, $0, bytes, state) }
    }

    @inline(__always)
    private func begin(
        _ pointer: OpaquePointer, _ tag: UnsafeRawBufferPointer, _ bytes: Encoding, _ state: DeliveryState?
    ) throws -> Delivery {
        let size = bytes.count
        guard size <= peerLimit else { throw tooLarge(size) }
        count &+= 1
        guard let delivery = pn_delivery(pointer, tag.tag) else { return Delivery.settled(on: self) }
        state?.set(in: delivery)
        pn_link_send(pointer, bytes.head.characters, bytes.head.count)
        if let content = bytes.content { pn_link_send(pointer, content.characters, content.count) }
        if let tail = bytes.tail, tail.count > 0 { pn_link_send(pointer, tail.characters, tail.count) }
        pn_link_advance(pointer)
        connection.unsent.add(size &+ UnsentOutput.messageCost)
        if pn_link_snd_settle_mode(pointer) == PN_SND_SETTLED {
            Delivery.markSettled(delivery)
            pn_delivery_settle(delivery)
            return Delivery.settled(on: self)
        }
        return Delivery(delivery, new: self)
    }

    // MARK: Lifetime

    override func noteRemoteAttach() {
        super.noteRemoteAttach()
        peerLimit = remoteMaxMessageSize ?? .max
    }

    override func noteEnding() { creditUse = .ended }

    override func noteRenewal(of old: OpaquePointer) {
        super.noteRenewal(of: old)
        endStream()
        creditUse = .open
        peerLimit = .max
        reportedDrain = nil
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes as a tag, which proton copies.
    @inline(__always)
    fileprivate var tag: pn_delivery_tag_t { pn_dtag(characters, count) }

    /// The address of the bytes, as proton's functions take it.
    @inline(__always)
    fileprivate var characters: UnsafePointer<CChar>? { baseAddress?.assumingMemoryBound(to: CChar.self) }
}

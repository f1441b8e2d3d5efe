// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton

/// A delivery: the transfer of a message over a link, until it is settled on this side (AMQP 1.0, 2.6.12; `pn_delivery_t`).
///
/// It is a small value that identifies the delivery, and may be kept and compared. It belongs to its connection's domain. After
/// the delivery is settled on this side, or its link has ended, calls on it have no effect.
public struct Delivery {
    /// The link of the delivery.
    public let link: Link
    let token: DeliveryTable.Token?

    /// Wraps a delivery that proton has just made.
    init(_ pointer: OpaquePointer, new link: Link) {
        let token = link.deliveries.insert(pointer)
        pn_delivery_set_context(pointer, token.context)
        self.init(link: link, token: token)
    }

    /// Wraps a delivery that was wrapped before; nil for one that is new.
    init?(known pointer: OpaquePointer, of link: Link) {
        guard let token = DeliveryTable.Token(context: pn_delivery_get_context(pointer)) else { return nil }
        self.init(link: link, token: token)
    }

    /// Wraps a delivery that has just arrived; call `remember` if it still exists after its event was handled.
    init(arrived pointer: OpaquePointer, on link: Link) {
        self.init(link: link, token: link.deliveries.insert(pointer))
    }

    /// Stores the token of a delivery in proton's delivery, for its next event. Most deliveries are settled before they have
    /// another.
    func remember() {
        guard let token, let pointer = link.deliveries[token] else { return }
        pn_delivery_set_context(pointer, token.context)
    }

    private init(link: Link, token: DeliveryTable.Token?) {
        self.link = link
        self.token = token
    }

    /// A delivery that was sent settled.
    static func settled(on link: Link) -> Delivery {
        Delivery(link: link, token: nil)
    }

    /// Marks proton's delivery as sent settled, because a delivery without a context is the peer's.
    static func markSettled(_ pointer: OpaquePointer) {
        pn_delivery_set_context(pointer, DeliveryTable.Token.settled.context)
    }

    /// Whether a delivery has this mark.
    static func isMarkedSettled(_ pointer: OpaquePointer) -> Bool {
        pn_delivery_get_context(pointer) == DeliveryTable.Token.settled.context
    }

    /// Whether the delivery was sent settled, so that the peer's state for it is ignored.
    var isSettledAsSent: Bool { token == .settled }

    /// Proton's delivery, as long as it is not settled here.
    var pointer: OpaquePointer? {
        guard let token, link.confined() != nil else { return nil }
        return link.deliveries[token]
    }

    /// A small number that identifies the delivery among the unsettled ones of its link; nil if the delivery was sent settled.
    package var slot: Int? { token.map { Int($0.slot) } }

    /// Whether this side has not settled the delivery.
    var isUnsettled: Bool { pointer != nil }

    /// The connection of the delivery.
    public var connection: Connection { link.connection }

    // MARK: Received

    /// Whether a message, or a part of one, can be read.
    public var isReadable: Bool { pointer.map { pn_delivery_readable($0) } ?? false }

    /// Whether more of the message is to arrive.
    public var isPartial: Bool { pointer.map { pn_delivery_partial($0) } ?? false }

    /// Whether the sender aborted the message before it was complete.
    public var isAborted: Bool { pointer.map { pn_delivery_aborted($0) } ?? false }

    /// The number of bytes of the message that can be read now.
    public var pendingBytes: Int { pointer.map { pn_delivery_pending($0) } ?? 0 }

    /// Whether the message has arrived and was read completely; also true after this side has settled the delivery.
    public var isConsumed: Bool { pointer.map { !pn_delivery_partial($0) && !pn_delivery_readable($0) } ?? true }

    /// Whether the peer has changed its state or settled since the last event.
    public var isUpdated: Bool { pointer.map { pn_delivery_updated($0) } ?? false }

    /// The delivery tag that the sender chose, 1 to 32 bytes; empty after the delivery is settled.
    public var tag: [UInt8] {
        guard let pointer else { return [] }
        let tag = pn_delivery_tag(pointer)
        return [UInt8](UnsafeRawBufferPointer(start: tag.start, count: tag.size))
    }

    /// Whether the peer has settled; also true after this side has settled.
    public var isSettled: Bool { pointer.map { pn_delivery_settled($0) } ?? true }

    /// The format of a received message, as its sender declares (AMQP 1.0, 2.7.5): 0 is that of AMQP 1.0, part 3.
    ///
    /// It is known if the peer connected to a listener with SASL, and if no later disposition of the sender has arrived;
    /// otherwise it is 0. If the first transfer fills the largest frame, it may also be 0.
    package var messageFormat: UInt32 {
        pointer.flatMap { MessageFormat.format(of: pn_delivery_remote_state($0)) } ?? 0
    }

    /// The meaning of an event for a received delivery.
    public enum Arrival: Sendable {
        /// The message has arrived completely: it can be taken once.
        case complete
        /// A part of the message has arrived, and is buffered until the rest arrives.
        case incomplete
        /// The sender aborted the message.
        case aborted
        /// The sender has settled.
        case settled
        /// The sender has changed its state for the delivery, and has not settled.
        case updated
        /// Nothing has changed.
        case nothing
    }

    /// Returns what a delivery event means.
    ///
    /// In `onDelivery`, the message can then be taken as bytes, without decoding; `onMessage` is not called for it. A message
    /// that is taken in pieces, by `takePart`, is `incomplete` until its last piece is taken.
    public func arrival() -> Arrival {
        guard let pointer, link.isReceiver else { return .nothing }
        if pn_delivery_aborted(pointer) {
            link.takePartial()
            return .aborted
        }
        if pn_delivery_readable(pointer) {
            if link.isTakenInParts { return .incomplete }
            guard pn_delivery_partial(pointer) else { return .complete }
            guard link.canKeep(pn_delivery_pending(pointer)) else {
                link.takePartial()
                settleAtOnce(.released)
                link.fail(Condition(.resourceLimitExceeded, "Too much is sent in parts: end some messages first."))
                return .nothing
            }
            link.readPart(pointer)
            return .incomplete
        }
        guard let token, pn_delivery_updated(pointer) else { return .nothing }
        if pn_delivery_settled(pointer) { return .settled }
        let code = pn_delivery_remote_state(pointer)
        return code == 0 || link.deliveries.wasReported(code, of: token) ? .nothing : .updated
    }

    /// Takes the encoded message of a complete delivery; empty if it was already taken.
    public func takeBytes() -> [UInt8] {
        guard let pointer, link.isReceiver, pn_delivery_readable(pointer) else { return [] }
        return link.takeBytes(pointer)
    }

    /// Whether a part of the message was read before the rest had arrived.
    package var isInParts: Bool { link.hasParts }

    /// Takes the encoded message of a delivery whose `arrival` is `complete`, and appends it to other bytes.
    package func takeBytes(appendingTo bytes: inout [UInt8]) {
        if let pointer, !link.hasParts, pn_delivery_pending(pointer) <= Link.stackSize {
            link.takeBytes(pointer, appendingTo: &bytes)
        } else if bytes.isEmpty {
            bytes = takeBytes()
        } else {
            bytes += takeBytes()
        }
    }

    /// Takes the message of a delivery whose `arrival` is `complete`.
    /// - Throws: `InvalidMessage` if the bytes are not a valid message; they are taken nevertheless.
    package func takeMessage() throws(InvalidMessage) -> Message {
        guard !link.hasParts, let pointer else { return try link.message(of: takeBytes()) }
        return try link.takeMessage(pointer)
    }

    /// Whether the peer has set a state; few received deliveries have one.
    package var hasRemoteState: Bool { pointer.map { pn_delivery_remote_state($0) != 0 } ?? false }

    /// The peer's state for a sent message, from an event.
    package struct RemoteUpdate {
        /// The state, if the peer has set one that is known here.
        package let state: DeliveryState?
        /// Whether the peer has settled.
        package let isSettled: Bool
        /// Whether no earlier event has reported this state.
        package let isNew: Bool
    }

    /// The peer's state for a sent message; nil if the event has none.
    package func remoteUpdate() -> RemoteUpdate? {
        guard let token, let pointer, pn_delivery_updated(pointer) else { return nil }
        let code = pn_delivery_remote_state(pointer)
        return RemoteUpdate(
            state: DeliveryState(code, pn_delivery_remote(pointer), limits), isSettled: pn_delivery_settled(pointer),
            isNew: !link.deliveries.wasReported(code, of: token))
    }

    /// Marks the state as reported, because a peer that settles later sends it a second time.
    func markReported() {
        guard let token, let pointer = link.deliveries[token] else { return }
        let code = pn_delivery_remote_state(pointer)
        // Each `received` state reports new progress.
        link.deliveries.setReported(code == UInt64(PN_RECEIVED) ? 0 : code, of: token)
    }

    // MARK: States and outcomes

    /// The peer's last state for the delivery; nil if it has set none, or if this side has settled the delivery.
    public var remoteState: DeliveryState? {
        pointer.flatMap { DeliveryState(pn_delivery_remote_state($0), pn_delivery_remote($0), limits) }
    }

    /// This side's last state for the delivery; nil if it has set none, or if this side has settled the delivery.
    public var localState: DeliveryState? {
        pointer.flatMap { DeliveryState(pn_delivery_local_state($0), pn_delivery_local($0), limits) }
    }

    /// The limits for decoding a state.
    package var limits: DecodingLimits { link.connection.limits.decoding }

    /// Sends the peer this side's state for the delivery, without settling.
    public func update(_ state: DeliveryState) {
        guard let pointer else { return }
        state.set(in: pointer)
    }

    /// Settles the delivery: this side forgets it.
    ///
    /// A received message that its sender has not settled and that has no outcome here is released: without an outcome, neither
    /// side is responsible for a settled message (AMQP 1.0, 3.4), and some peers end the session for it. The rest of a message
    /// that is still arriving is dropped; a message that is still being written ends here.
    ///
    /// If both sides have agreed on `ReceiverSettleMode.second`, a received delivery is settled after its sender has settled.
    public func settle() {
        if link.isReceiver, let pointer, !pn_delivery_settled(pointer) {
            let isDecided = Delivery.isOutcome(pn_delivery_local_state(pointer))
            if !isDecided { pn_delivery_update(pointer, UInt64(PN_RELEASED)) }
            if link.settlesSecond { return }
        }
        end { _ in }
    }

    /// Whether a state with this code is an outcome; the absence of a state and `received` are not.
    private static func isOutcome(_ code: UInt64) -> Bool { code != 0 && code != UInt64(PN_RECEIVED) }

    /// Settles a received delivery after its sender has settled, which completes the second settle mode (AMQP 1.0, 2.6.12).
    func settleAfterSender() {
        guard link.isReceiver, let pointer, pn_delivery_settled(pointer),
            Delivery.isOutcome(pn_delivery_local_state(pointer))
        else { return }
        end { _ in }
    }

    /// Whether the receiver has set an outcome, and waits for this side to settle (`ReceiverSettleMode.second`).
    package var isSettledFirstHere: Bool {
        guard link.isSender, link.remoteReceiverSettleMode == .second, let pointer else { return false }
        return !pn_delivery_settled(pointer) && Delivery.isOutcome(pn_delivery_remote_state(pointer))
    }

    /// Whether the peer has settled a sent message without an outcome, so that it is not known whether it was processed.
    ///
    /// In `onSettled` this distinguishes such a message from one with an outcome, which an earlier event has reported. The
    /// message may have been dropped: to be sure, send it again, to a receiver that tolerates duplicates.
    public var isInDoubt: Bool {
        guard link.isSender, let pointer, pn_delivery_settled(pointer) else { return false }
        return switch remoteState {
        case nil, .received, .transactional(_, nil): true
        default: false
        }
    }

    @inline(__always)
    private func end(_ lastWord: (OpaquePointer) -> Void) {
        guard let token, link.confined() != nil, let pointer = link.deliveries.remove(token) else { return }
        lastWord(pointer)
        if link.hasParts { link.dropParts(of: pointer) }
        if link.isReceiver {
            link.settleReceived(pointer)
        } else {
            pn_delivery_settle(pointer)
        }
    }

    /// Sends the peer this side's state for the delivery, and settles.
    ///
    /// If both sides have agreed on `ReceiverSettleMode.second`, a received delivery is settled after its sender has settled.
    public func settle(_ state: DeliveryState) {
        if link.settlesSecond, link.isReceiver, !isSettled { update(state) } else { settleAtOnce(state) }
    }

    /// Sends the peer this side's state for the delivery, and settles, in either receiver settle mode.
    package func settleAtOnce(_ state: DeliveryState) {
        end { state.set(in: $0) }
    }

    /// Aborts a message whose bytes have not all been sent: the peer discards the bytes that it has received.
    public func abort() {
        guard let token, link.confined() != nil, let pointer = link.deliveries.remove(token) else { return }
        pn_delivery_abort(pointer)
    }
}

extension Delivery: Hashable {
    /// Whether both identify the same delivery.
    public static func == (left: Delivery, right: Delivery) -> Bool {
        left.link === right.link && left.token == right.token
    }

    /// Hashes the identity of the link and the token of the delivery.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(link))
        hasher.combine(token)
    }
}

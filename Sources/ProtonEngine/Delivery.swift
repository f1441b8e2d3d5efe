// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton

/// A message on its way over a link, until it is settled here (AMQP 1.0, 2.6.12; `pn_delivery_t`).
///
/// A small value: it names the delivery, and may be kept and compared. It belongs to its connection's domain. Once the
/// delivery is settled on this side, or its link is over, nothing that is done with it has an effect.
public struct Delivery {
    /// The link that the message came or went on.
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

    /// Wraps a delivery that has just come in; `remember` it if it is still there when its event was handled.
    init(arrived pointer: OpaquePointer, on link: Link) {
        self.init(link: link, token: link.deliveries.insert(pointer))
    }

    /// Leaves the name of a delivery with proton, for its next event. Most are settled before they have another.
    func remember() {
        guard let token, let pointer = link.deliveries[token] else { return }
        pn_delivery_set_context(pointer, token.context)
    }

    private init(link: Link, token: DeliveryTable.Token?) {
        self.link = link
        self.token = token
    }

    /// A delivery that was settled as it was sent.
    static func settled(on link: Link) -> Delivery {
        Delivery(link: link, token: nil)
    }

    /// Notes with proton that a delivery is settled as it is sent: one that has no context is the peer's.
    static func markSettled(_ pointer: OpaquePointer) {
        pn_delivery_set_context(pointer, DeliveryTable.Token.settled.context)
    }

    /// Whether that was noted of a delivery.
    static func isMarkedSettled(_ pointer: OpaquePointer) -> Bool {
        pn_delivery_get_context(pointer) == DeliveryTable.Token.settled.context
    }

    /// Whether it was settled as it was sent: what the peer says of it is of no interest.
    var isSettledAsSent: Bool { token == .settled }

    /// Proton's delivery, for as long as it is not settled here.
    var pointer: OpaquePointer? {
        guard let token, link.confined() != nil else { return nil }
        return link.deliveries[token]
    }

    /// A small number that no other delivery of the link has until this one is settled here; nil where that was done as
    /// it was sent.
    package var slot: Int? { token.map { Int($0.slot) } }

    /// Whether it is not settled here.
    var isUnsettled: Bool { pointer != nil }

    /// The connection of the delivery.
    public var connection: Connection { link.connection }

    // MARK: What came in

    /// Whether a message, or a part of one, is there to be read.
    public var isReadable: Bool { pointer.map { pn_delivery_readable($0) } ?? false }

    /// Whether more of the message is to come.
    public var isPartial: Bool { pointer.map { pn_delivery_partial($0) } ?? false }

    /// Whether the sender gave the message up before it was complete.
    public var isAborted: Bool { pointer.map { pn_delivery_aborted($0) } ?? false }

    /// How many bytes of the message are there to be read.
    public var pendingBytes: Int { pointer.map { pn_delivery_pending($0) } ?? 0 }

    /// Whether the whole message has come and has been taken; true too once the delivery is settled here.
    public var isConsumed: Bool { pointer.map { !pn_delivery_partial($0) && !pn_delivery_readable($0) } ?? true }

    /// Whether the peer has changed its state or settled since the last event.
    public var isUpdated: Bool { pointer.map { pn_delivery_updated($0) } ?? false }

    /// The tag that the sender gave the delivery, 1 to 32 bytes; empty once it is settled.
    public var tag: [UInt8] {
        guard let pointer else { return [] }
        let tag = pn_delivery_tag(pointer)
        return [UInt8](UnsafeRawBufferPointer(start: tag.start, count: tag.size))
    }

    /// Whether the peer has settled; true too for what is settled here.
    public var isSettled: Bool { pointer.map { pn_delivery_settled($0) } ?? true }

    /// The format of a message that comes in, as its sender says (AMQP 1.0, 2.7.5): 0 is that of AMQP 1.0, part 3.
    ///
    /// It is known of a listener's peers that use SASL, where no later disposition of the sender's has come; else it reads
    /// as 0. That of a first transfer that fills the largest frame may read as 0 too.
    package var messageFormat: UInt32 {
        pointer.flatMap { MessageFormat.format(of: pn_delivery_remote_state($0)) } ?? 0
    }

    /// What an event says of a delivery that comes in.
    public enum Arrival: Sendable {
        /// The whole message is there: it can be taken once.
        case complete
        /// A part of the message has come, and is kept until the rest is there.
        case incomplete
        /// The sender gave the message up.
        case aborted
        /// The sender has settled.
        case settled
        /// The sender has said something of the message, and has not settled.
        case updated
        /// Nothing is new.
        case nothing
    }

    /// Finds out what a delivery event is about.
    ///
    /// In `onDelivery` a message can then be taken as it came, undecoded; `onMessage` is not called for it.
    /// A message that is taken in pieces, by `takePart`, is `incomplete` until its last piece is taken.
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
        return code == 0 || link.deliveries.wasTold(code, of: token) ? .nothing : .updated
    }

    /// Takes the encoded message of a complete delivery; empty where it was taken already.
    public func takeBytes() -> [UInt8] {
        guard let pointer, link.isReceiver, pn_delivery_readable(pointer) else { return [] }
        return link.takeBytes(pointer)
    }

    /// Whether some of the message was read before the rest of it had come.
    package var isInParts: Bool { link.hasParts }

    /// Takes the encoded message of a delivery whose `arrival` is `complete`, behind other bytes.
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
    /// - Throws: `InvalidMessage` where what came is not a valid message; it is taken all the same.
    package func takeMessage() throws(InvalidMessage) -> Message {
        guard !link.hasParts, let pointer else { return try link.message(of: takeBytes()) }
        return try link.takeMessage(pointer)
    }

    /// Whether the peer has said anything of the message: true of few that come in.
    package var hasRemoteState: Bool { pointer.map { pn_delivery_remote_state($0) != 0 } ?? false }

    /// What the peer now says of a message that was sent.
    package struct News {
        /// Its state, where it has given one that is known here.
        package let state: DeliveryState?
        /// Whether it has settled.
        package let isSettled: Bool
        /// Whether no event has told the state yet.
        package let isNew: Bool
    }

    /// The peer's word on a message that was sent; nil where the event brings none.
    package func news() -> News? {
        guard let token, let pointer, pn_delivery_updated(pointer) else { return nil }
        let code = pn_delivery_remote_state(pointer)
        return News(
            state: DeliveryState(code, pn_delivery_remote(pointer), limits), isSettled: pn_delivery_settled(pointer),
            isNew: !link.deliveries.wasTold(code, of: token))
    }

    /// Remembers what an event has told: a peer that settles later says it a second time.
    func noteTold() {
        guard let token, let pointer = link.deliveries[token] else { return }
        let code = pn_delivery_remote_state(pointer)
        // How far a message has come is another thing each time.
        link.deliveries.setTold(code == UInt64(PN_RECEIVED) ? 0 : code, of: token)
    }

    // MARK: States and outcomes

    /// What the peer said of the message last; nil where it said nothing yet, or the delivery is settled here.
    public var remoteState: DeliveryState? {
        pointer.flatMap { DeliveryState(pn_delivery_remote_state($0), pn_delivery_remote($0), limits) }
    }

    /// What this side said of the message last.
    public var localState: DeliveryState? {
        pointer.flatMap { DeliveryState(pn_delivery_local_state($0), pn_delivery_local($0), limits) }
    }

    /// What of a state is decoded at most.
    package var limits: DecodingLimits { link.connection.limits.decoding }

    /// Tells the peer what this side makes of the message, without settling.
    public func update(_ state: DeliveryState) {
        guard let pointer else { return }
        state.set(in: pointer)
    }

    /// Settles: forgets the delivery on this side.
    ///
    /// A message that came in, that its sender has not settled and that has no outcome here yet is given back as
    /// released: what is settled without an outcome is nobody's (AMQP 1.0, 3.4), and some peers end the session for it.
    /// The rest of a message that is still coming in is dropped; one that is still being written ends here.
    ///
    /// Where both sides have agreed on `ReceiverSettleMode.second`, what came in is settled once its sender has.
    public func settle() {
        if link.isReceiver, let pointer, !pn_delivery_settled(pointer) {
            let isDecided = Delivery.isOutcome(pn_delivery_local_state(pointer))
            if !isDecided { pn_delivery_update(pointer, UInt64(PN_RELEASED)) }
            if link.settlesSecond { return }
        }
        end { _ in }
    }

    /// Whether a state of this code says what becomes of a message: none, and how much has come, do not.
    private static func isOutcome(_ code: UInt64) -> Bool { code != 0 && code != UInt64(PN_RECEIVED) }

    /// Settles what came in once its sender has, which ends the second settle mode (AMQP 1.0, 2.6.12).
    func settleAfterSender() {
        guard link.isReceiver, let pointer, pn_delivery_settled(pointer),
            Delivery.isOutcome(pn_delivery_local_state(pointer))
        else { return }
        end { _ in }
    }

    /// Whether the receiver has given an outcome, and waits with settling for this side (`ReceiverSettleMode.second`).
    package var isSettledFirstHere: Bool {
        guard link.isSender, link.remoteReceiverSettleMode == .second, let pointer else { return false }
        return !pn_delivery_settled(pointer) && Delivery.isOutcome(pn_delivery_remote_state(pointer))
    }

    /// Whether the peer has settled without an outcome a message that was sent: what became of it is not known.
    ///
    /// In `onSettled` this tells such a message from one that has an outcome, which has been told before. It may have been
    /// dropped: to be sure send it again, to a receiver that can bear to have it twice.
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

    /// Tells the peer what this side makes of the message, and settles.
    ///
    /// Where both sides have agreed on `ReceiverSettleMode.second`, what came in is settled once its sender has.
    public func settle(_ state: DeliveryState) {
        if link.settlesSecond, link.isReceiver, !isSettled { update(state) } else { settleAtOnce(state) }
    }

    /// Tells the peer what this side makes of the message, and settles, in whichever mode.
    package func settleAtOnce(_ state: DeliveryState) {
        end { state.set(in: $0) }
    }

    /// Gives up a message whose bytes have not all been sent: the peer drops what it has of it.
    public func abort() {
        guard let token, link.confined() != nil, let pointer = link.deliveries.remove(token) else { return }
        pn_delivery_abort(pointer)
    }
}

extension Delivery: Hashable {
    /// Whether both name one delivery.
    public static func == (left: Delivery, right: Delivery) -> Bool {
        left.link === right.link && left.token == right.token
    }

    /// Hashes the link's identity and the delivery's name on it.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(link))
        hasher.combine(token)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton

/// A one-way path for messages between a source and a target (AMQP 1.0, 2.6; `pn_link_t`): a `Sender` or a `Receiver`.
///
/// It belongs to its connection's domain. A link that is over does nothing and reports the state `.closed`.
public class Link: Endpoint {
    @exclusivity(unchecked) package internal(set) final var pointer: OpaquePointer?
    /// The session that the link is on.
    public final let session: Session
    /// The name of the link, unique between the two containers (AMQP 1.0, 2.6.1).
    public final let name: String
    /// What is told of this link's events, where it is not the session's or the connection's handler.
    @exclusivity(unchecked) package final var eventHandler: (any EventHandler)? {
        didSet { resolvedHandler = nil }
    }
    /// The nearest handler, as it was found at a version of the connection's handlers.
    @exclusivity(unchecked) private final var resolvedHandler: (any EventHandler)?
    @exclusivity(unchecked) private final var resolvedVersion = 0
    /// The connection's domain; kept alive by `session`.
    private final let domain: Domain
    /// What the floor above keeps with the link.
    @exclusivity(unchecked) package final var attachment: AnyObject?
    /// Which sides have closed or detached, as far as events have told.
    @exclusivity(unchecked) final var endedSides = EndpointState.active
    /// What has come of a message that has not been taken whole.
    @exclusivity(unchecked) final var parts = Parts.none
    /// The largest message that is taken, in bytes.
    @exclusivity(unchecked) private(set) final var messageSizeLimit: Int
    /// The deliveries of the link that have not been settled here.
    @exclusivity(unchecked) package final var deliveries = DeliveryTable()

    /// Whether the peer made the link.
    final var isPeerMade = false
    /// What came of this side's `open`.
    @exclusivity(unchecked) final var opening = Opening.asked
    /// Whether a delivery may be marked as settled that has not been the current one yet.
    @exclusivity(unchecked) final var hasSettledAhead = false
    /// What handlers have been told of the link's beginning.
    @exclusivity(unchecked) final var announcement = Announcement.none
    /// Whether the peer has given credit, or asked for it back, while the link was not open here.
    final var hasEarlyCredit = false
    /// Whether this side has closed the link since its peer broke a rule or a limit, and that has not been told.
    final var isFailing = false

    init(_ pointer: OpaquePointer, of session: Session) {
        self.pointer = pointer
        self.session = session
        domain = session.connection.workQueue.domain
        isSender = pn_link_is_sender(pointer)
        messageSizeLimit = session.connection.limits.maxMessageSize
        name = DataBridge.string(pn_link_name(pointer)) ?? ""
        // Proton's link keeps its wrapper alive until `invalidate` releases it.
        pn_link_set_context(pointer, Unmanaged.passRetained(self).toOpaque())
        session.connection.linkCount += 1
    }

    /// The wrapper of proton's link, where it has one that is still in use.
    @inline(__always)
    static func existing(_ pointer: OpaquePointer) -> Link? {
        pn_link_get_context(pointer).map { Unmanaged<Link>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Wraps a link that the peer made.
    static func adopt(_ pointer: OpaquePointer, of session: Session) -> Link {
        let link = pn_link_is_sender(pointer) ? Sender(pointer, of: session) : Receiver(adopting: pointer, of: session)
        link.isPeerMade = true
        return link
    }

    /// Proton's link, once it is sure that the calling thread may use it; nil where the link is over.
    @inline(__always)
    final func confined() -> OpaquePointer? {
        if !domain.isCurrent { connection.admitCaller() }
        return pointer
    }

    /// The connection that the link is on.
    public final var connection: Connection { session.connection }

    /// Whether messages go out on this link: whether it is a `Sender`.
    public final let isSender: Bool
    /// Whether messages come in on this link: whether it is a `Receiver`.
    public final var isReceiver: Bool { !isSender }

    /// The handler of the link's events.
    @inline(__always)
    package final var nearestHandler: any EventHandler { nearestHandler(at: connection.handlersVersion) }

    /// The handler of the link's events, at the present version of the connection's handlers.
    @inline(__always)
    final func nearestHandler(at version: Int) -> any EventHandler {
        if resolvedVersion == version, let resolvedHandler { return resolvedHandler }
        return resolveHandler(version)
    }

    @inline(never)
    private final func resolveHandler(_ version: Int) -> any EventHandler {
        let handler = eventHandler ?? session.nearestHandler
        // Of a link that is over none is kept.
        (resolvedHandler, resolvedVersion) = (pointer == nil ? nil : handler, version)
        return handler
    }

    // MARK: State

    /// How far the two sides have come; `.closed` once the link is over.
    public final var state: EndpointState {
        guard var state = confined().map({ EndpointState(pn_link_state($0)) }) else { return .closed }
        switch opening {
        case .asked: break
        case .waits: state.local = .active
        case .refused: state.local = .closed
        }
        return state
    }

    /// The error condition that this side closed the link with.
    public final var condition: Condition? {
        confined().flatMap { Condition(pn_link_condition($0)) }
    }

    /// The error condition that the peer closed the link with.
    public final var remoteCondition: Condition? {
        confined().flatMap { Condition(pn_link_remote_condition($0), connection.limits.decoding) }
    }

    /// Opens this side: sends an attach frame.
    ///
    /// A session's first link is attached at once. Those after it wait for the peer's begin, which says how many the peer
    /// takes (AMQP 1.0, 2.7.2: `handle-max`): what is beyond is closed here, with `amqp:resource-limit-exceeded`, and the
    /// program hears of it by `onLinkError`.
    public final func open() {
        guard let pointer = confined(), opening == .asked else { return }
        guard session.admitsLink() else {
            opening = .waits
            return
        }
        pn_link_open(pointer)
    }

    /// Closes this side: sends a detach frame that ends the link, with the condition where one is given.
    public final func close(_ condition: Condition?) {
        guard let pointer = confined(), !isLocalClosed else { return }
        opening = .asked
        if let condition { Condition.set(condition, in: pn_link_condition(pointer)) }
        giveBackWhereShut()
        noteEnding()
        pn_link_close(pointer)
    }

    /// Detaches this side without ending the link (AMQP 1.0, 2.6.4): the peer keeps what it knows of it.
    ///
    /// This `Link` is over once the peer has detached too. To attach the link again make one of the same name and
    /// direction, from the same container, with the same source and target.
    /// - Parameter condition: why, where it is not the peer's wish.
    public final func detach(_ condition: Condition? = nil) {
        guard let pointer = confined(), !isLocalClosed else { return }
        opening = .asked
        if let condition { Condition.set(condition, in: pn_link_condition(pointer)) }
        giveBackWhereShut()
        noteEnding()
        pn_link_detach(pointer)
    }

    // MARK: Credit

    /// How many messages the receiver has asked for that have not been sent yet; of a sender, how many it may send: none
    /// while as much waits to be written as `ConnectionLimits.maxUnsentBytes` says.
    public final var credit: Int {
        if creditUse != .open || (isSender && connection.unsent.isFull) { return 0 }
        return confined().map { Int(pn_link_credit($0)) + Int(waitingCredit) } ?? 0
    }

    /// Of a receiver: credit that is given when the peer has attached the link.
    @exclusivity(unchecked) final var waitingCredit: Int32 = 0

    /// Whether a sender may use its credit.
    enum CreditUse {
        /// As far as it goes.
        case open
        /// It goes back once what was sent before is written; see `Sender.drained`.
        case givenBack
        /// No more: the link has been closed or detached on one of its sides, or has lost its connection.
        case ended
    }

    /// Whether a sender may use its credit; of a receiver it stays `.open`.
    @exclusivity(unchecked) final var creditUse = CreditUse.open

    /// How many deliveries are buffered on this side.
    public final var queuedCount: Int {
        confined().map { Int(pn_link_queued($0)) } ?? 0
    }

    /// How many deliveries this side has not settled.
    public final var unsettledCount: Int {
        confined().map { Int(pn_link_unsettled($0)) } ?? 0
    }

    // MARK: Termini

    /// Where messages come from, as this side says.
    public final var source: Terminus { Terminus(link: self, role: .source) }
    /// Where messages go to, as this side says.
    public final var target: Terminus { Terminus(link: self, role: .target) }
    /// Where messages come from, as the peer says.
    public final var remoteSource: Terminus { Terminus(link: self, role: .remoteSource) }
    /// Where messages go to, as the peer says.
    public final var remoteTarget: Terminus { Terminus(link: self, role: .remoteTarget) }

    // MARK: Settlement

    /// Whether the sender settles what it sends, as this side asks; set before `open`.
    public final var senderSettleMode: SenderSettleMode {
        get { confined().map { SenderSettleMode(pn_link_snd_settle_mode($0)) } ?? .mixed }
        set { confined().use { pn_link_set_snd_settle_mode($0, newValue.code) } }
    }

    /// When the receiver settles, as this side asks; set before `open`.
    public final var receiverSettleMode: ReceiverSettleMode {
        get { confined().map { ReceiverSettleMode(pn_link_rcv_settle_mode($0)) } ?? .first }
        set {
            confined().use { pn_link_set_rcv_settle_mode($0, newValue.code) }
            noteSettleModes()
        }
    }

    /// Whether the receiver settles only when the sender has (AMQP 1.0, 2.6.12): both sides have said `.second`.
    @exclusivity(unchecked) final var settlesSecond = false

    private func noteSettleModes() {
        settlesSecond = receiverSettleMode == .second && remoteReceiverSettleMode == .second
    }

    /// Whether the sender settles what it sends, as the peer says.
    public final var remoteSenderSettleMode: SenderSettleMode {
        confined().map { SenderSettleMode(pn_link_remote_snd_settle_mode($0)) } ?? .mixed
    }

    /// When the receiver settles, as the peer says.
    public final var remoteReceiverSettleMode: ReceiverSettleMode {
        confined().map { ReceiverSettleMode(pn_link_remote_rcv_settle_mode($0)) } ?? .first
    }

    /// The largest message that this side takes, in bytes, 1 at least; nil is no limit. Set before `open`.
    ///
    /// A receiver's is `ConnectionLimits.maxMessageSize` unless it is set here. A larger message is rejected and closes
    /// the link, both with `amqp:link:message-size-exceeded`; the program is told by `onLinkError`, with `condition`.
    /// What is not taken in pieces (`Delivery.takePart`) is kept in memory up to it.
    public final var maxMessageSize: Int? {
        get { confined().flatMap { Link.size(pn_link_max_message_size($0)) } }
        set {
            guard let pointer = confined() else { return }
            let size = newValue.map { max($0, 1) }
            pn_link_set_max_message_size(pointer, UInt64(size ?? 0))
            messageSizeLimit = size ?? .max
        }
    }

    /// The largest message that the peer takes, in bytes; nil is no limit, and before the peer has attached.
    public final var remoteMaxMessageSize: Int? {
        confined().flatMap { Link.size(pn_link_remote_max_message_size($0)) }
    }

    /// A size as AMQP has it, where 0 is no limit (AMQP 1.0, 2.7.3).
    private static func size(_ size: UInt64) -> Int? { size == 0 ? nil : Int(clamping: size) }

    /// What this side tells of the link.
    public final var properties: AMQPMap {
        get { DataBridge.value(of: confined().flatMap(pn_link_properties))?.mapValue ?? [:] }
        set { DataBridge.set(newValue.isEmpty ? nil : .map(newValue), in: confined().flatMap(pn_link_properties)) }
    }

    /// What the peer tells of the link.
    public final var remoteProperties: AMQPMap {
        DataBridge.value(of: confined().flatMap(pn_link_remote_properties), connection.limits.decoding)?.mapValue ?? [:]
    }

    // MARK: Life

    /// The peer has attached the link: called before the event of that is told.
    func noteRemoteAttach() { noteSettleModes() }

    /// One side closes or detaches the link, or what it is on: called before the event of that is told.
    func noteEnding() {}

    /// The link is made again for a new transport: what belonged to the old one is forgotten.
    /// - Parameter old: proton's link of the old transport, which is still there.
    func noteRenewal(of old: OpaquePointer) {
        endedSides = .active
        settlesSecond = false
        isFailing = false
        hasEarlyCredit = false
        takePartial()
        deliveries.removeAll()
    }

    /// Frees a link that both sides have closed, and settles what was unsettled on it.
    final func free() {
        guard let pointer else { return }
        invalidate()
        settleUnread(on: pointer)
        pn_link_free(pointer)
    }

    /// Lets go of proton's link.
    final func invalidate() {
        guard let pointer else { return }
        self.pointer = nil
        connection.linkCount -= 1
        deliveries.removeAll()
        takePartial()
        (self as? Sender)?.forgetStream()
        eventHandler = nil
        pn_link_set_context(pointer, nil)
        Unmanaged.passUnretained(self).release()
    }
}

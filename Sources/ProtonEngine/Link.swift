// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton

/// A one-way path for messages between a source and a target (AMQP 1.0, 2.6; `pn_link_t`): a `Sender` or a `Receiver`.
///
/// It belongs to its connection's domain. After a link has ended, calls on it have no effect and its state is `.closed`.
public class Link: Endpoint {
    @exclusivity(unchecked) package internal(set) final var pointer: OpaquePointer?
    /// The session that the link is on.
    public final let session: Session
    /// The name of the link, unique between the two containers (AMQP 1.0, 2.6.1).
    public final let name: String
    /// The handler of this link's events; nil means the session's or the connection's handler.
    @exclusivity(unchecked) package final var eventHandler: (any EventHandler)? {
        didSet { resolvedHandler = nil }
    }
    /// The nearest handler, cached for one version of the connection's handlers.
    @exclusivity(unchecked) private final var resolvedHandler: (any EventHandler)?
    @exclusivity(unchecked) private final var resolvedVersion = 0
    /// The connection's domain; kept alive by `session`.
    private final let domain: Domain
    /// An object that the module above attaches to the link.
    @exclusivity(unchecked) package final var attachment: AnyObject?
    /// Which sides have closed or detached, according to the events so far.
    @exclusivity(unchecked) final var endedSides = EndpointState.active
    /// The received part of a message that was not taken as a whole.
    @exclusivity(unchecked) final var parts = Parts.none
    /// The maximum size of a received message, in bytes.
    @exclusivity(unchecked) private(set) final var messageSizeLimit: Int
    /// The deliveries of the link that this side has not settled.
    @exclusivity(unchecked) package final var deliveries = DeliveryTable()

    /// Whether the peer made the link.
    final var isPeerMade = false
    /// The state of this side's `open`.
    @exclusivity(unchecked) final var opening = Opening.asked
    /// Whether there may be deliveries marked as settled that have not been the current one yet.
    @exclusivity(unchecked) final var hasSettledAhead = false
    /// The lifecycle events that handlers have received.
    @exclusivity(unchecked) final var announcement = Announcement.none
    /// Whether the peer has sent a flow before this side opened the link.
    final var hasEarlyCredit = false
    /// Whether this side has closed the link because of a violation that is not reported yet.
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

    /// The wrapper of proton's link; nil if it has none that is still in use.
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

    /// Proton's link, after a check that the calling thread may use it; nil if the link has ended.
    @inline(__always)
    final func confined() -> OpaquePointer? {
        if !domain.isCurrent { connection.admitCaller() }
        return pointer
    }

    /// The connection that the link is on.
    public final var connection: Connection { session.connection }

    /// Whether this side sends messages on the link, so that it is a `Sender`.
    public final let isSender: Bool
    /// Whether this side receives messages on the link, so that it is a `Receiver`.
    public final var isReceiver: Bool { !isSender }

    /// The handler of the link's events.
    @inline(__always)
    package final var nearestHandler: any EventHandler { nearestHandler(at: connection.handlersVersion) }

    /// The handler of the link's events, for the current version of the connection's handlers.
    @inline(__always)
    final func nearestHandler(at version: Int) -> any EventHandler {
        if resolvedVersion == version, let resolvedHandler { return resolvedHandler }
        return resolveHandler(version)
    }

    @inline(never)
    private final func resolveHandler(_ version: Int) -> any EventHandler {
        let handler = eventHandler ?? session.nearestHandler
        // A link that has ended keeps no handler.
        (resolvedHandler, resolvedVersion) = (pointer == nil ? nil : handler, version)
        return handler
    }

    // MARK: State

    /// The states of the two sides; `.closed` after the link has ended.
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
    /// The first link of a session is attached at once. Further links wait for the peer's begin frame, which has the number of
    /// links that the peer allows (AMQP 1.0, 2.7.2: `handle-max`). Links beyond that are closed here with
    /// `amqp:resource-limit-exceeded`, and the program receives `onLinkError`.
    public final func open() {
        guard let pointer = confined(), opening == .asked else { return }
        guard session.admitsLink() else {
            opening = .waits
            return
        }
        pn_link_open(pointer)
    }

    /// Closes this side: sends a detach frame that closes the link, with an optional condition.
    public final func close(_ condition: Condition?) {
        guard let pointer = confined(), !isLocalClosed else { return }
        opening = .asked
        if let condition { Condition.set(condition, in: pn_link_condition(pointer)) }
        releaseUnreadIfWindowClosed()
        noteEnding()
        pn_link_close(pointer)
    }

    /// Detaches this side without closing the link (AMQP 1.0, 2.6.4): the peer keeps its state of the link.
    ///
    /// This `Link` ends after the peer has detached too. To attach the link again, make a link with the same name and direction,
    /// from the same container, with the same source and target.
    /// - Parameter condition: the reason, unless the peer asked for the detach.
    public final func detach(_ condition: Condition? = nil) {
        guard let pointer = confined(), !isLocalClosed else { return }
        opening = .asked
        if let condition { Condition.set(condition, in: pn_link_condition(pointer)) }
        releaseUnreadIfWindowClosed()
        noteEnding()
        pn_link_detach(pointer)
    }

    // MARK: Credit

    /// The link credit. For a receiver: the number of messages that it has requested and that have not been sent yet. For a
    /// sender: the number of messages that it may send; 0 while the unsent output is at `ConnectionLimits.maxUnsentBytes`.
    public final var credit: Int {
        if creditUse != .open || (isSender && connection.unsent.isFull) { return 0 }
        return confined().map { Int(pn_link_credit($0)) + Int(waitingCredit) } ?? 0
    }

    /// For a receiver: credit that is issued after the peer has attached the link.
    @exclusivity(unchecked) final var waitingCredit: Int32 = 0

    /// Whether a sender may use its credit.
    enum CreditUse {
        /// It may use all of its credit.
        case open
        /// The credit is returned after the earlier output is written; see `Sender.drained`.
        case givenBack
        /// It may not: the link was closed or detached on one of its sides, or the connection is lost.
        case ended
    }

    /// Whether a sender may use its credit; `.open` for a receiver.
    @exclusivity(unchecked) final var creditUse = CreditUse.open

    /// The number of deliveries that are buffered on this side.
    public final var queuedCount: Int {
        confined().map { Int(pn_link_queued($0)) } ?? 0
    }

    /// The number of deliveries that this side has not settled.
    public final var unsettledCount: Int {
        confined().map { Int(pn_link_unsettled($0)) } ?? 0
    }

    // MARK: Termini

    /// The source of messages, as this side declares it.
    public final var source: Terminus { Terminus(link: self, role: .source) }
    /// The target of messages, as this side declares it.
    public final var target: Terminus { Terminus(link: self, role: .target) }
    /// The source of messages, as the peer declares it.
    public final var remoteSource: Terminus { Terminus(link: self, role: .remoteSource) }
    /// The target of messages, as the peer declares it.
    public final var remoteTarget: Terminus { Terminus(link: self, role: .remoteTarget) }

    // MARK: Settlement

    /// Whether the sender sends settled messages, as this side requests; set before `open`.
    public final var senderSettleMode: SenderSettleMode {
        get { confined().map { SenderSettleMode(pn_link_snd_settle_mode($0)) } ?? .mixed }
        set { confined().use { pn_link_set_snd_settle_mode($0, newValue.code) } }
    }

    /// When the receiver settles, as this side requests; set before `open`.
    public final var receiverSettleMode: ReceiverSettleMode {
        get { confined().map { ReceiverSettleMode(pn_link_rcv_settle_mode($0)) } ?? .first }
        set {
            confined().use { pn_link_set_rcv_settle_mode($0, newValue.code) }
            noteSettleModes()
        }
    }

    /// Whether the receiver settles only after the sender has (AMQP 1.0, 2.6.12), because both sides have set `.second`.
    @exclusivity(unchecked) final var settlesSecond = false

    private func noteSettleModes() {
        settlesSecond = receiverSettleMode == .second && remoteReceiverSettleMode == .second
    }

    /// Whether the sender sends settled messages, as the peer declares.
    public final var remoteSenderSettleMode: SenderSettleMode {
        confined().map { SenderSettleMode(pn_link_remote_snd_settle_mode($0)) } ?? .mixed
    }

    /// When the receiver settles, as the peer declares.
    public final var remoteReceiverSettleMode: ReceiverSettleMode {
        confined().map { ReceiverSettleMode(pn_link_remote_rcv_settle_mode($0)) } ?? .first
    }

    /// The maximum message size of this side, in bytes, at least 1; nil means no limit. Set before `open`.
    ///
    /// For a receiver it is `ConnectionLimits.maxMessageSize` unless it is set here. A larger message is rejected and closes the
    /// link, both with `amqp:link:message-size-exceeded`; the program receives `onLinkError`, with `condition`. A message up to
    /// this size is buffered in memory, unless it is taken in pieces (`Delivery.takePart`).
    public final var maxMessageSize: Int? {
        get { confined().flatMap { Link.size(pn_link_max_message_size($0)) } }
        set {
            guard let pointer = confined() else { return }
            let size = newValue.map { max($0, 1) }
            pn_link_set_max_message_size(pointer, UInt64(size ?? 0))
            messageSizeLimit = size ?? .max
        }
    }

    /// The maximum message size of the peer, in bytes; nil if there is no limit, and before the peer has attached.
    public final var remoteMaxMessageSize: Int? {
        confined().flatMap { Link.size(pn_link_remote_max_message_size($0)) }
    }

    /// A size in AMQP's form, in which 0 means no limit (AMQP 1.0, 2.7.3).
    private static func size(_ size: UInt64) -> Int? { size == 0 ? nil : Int(clamping: size) }

    /// The link properties that this side sends.
    public final var properties: AMQPMap {
        get { DataBridge.value(of: confined().flatMap(pn_link_properties))?.mapValue ?? [:] }
        set { DataBridge.set(newValue.isEmpty ? nil : .map(newValue), in: confined().flatMap(pn_link_properties)) }
    }

    /// The link properties that the peer sends.
    public final var remoteProperties: AMQPMap {
        DataBridge.value(of: confined().flatMap(pn_link_remote_properties), connection.limits.decoding)?.mapValue ?? [:]
    }

    // MARK: Lifetime

    /// Called after the peer has attached the link, before handlers receive the event.
    func noteRemoteAttach() { noteSettleModes() }

    /// Called when one side closes or detaches the link, or closes its session or connection, before handlers receive the event.
    func noteEnding() {}

    /// Resets the state of the old transport, when the link is made again for a new transport.
    /// - Parameter old: proton's link on the old transport, which still exists.
    func noteRenewal(of old: OpaquePointer) {
        endedSides = .active
        settlesSecond = false
        isFailing = false
        hasEarlyCredit = false
        takePartial()
        deliveries.removeAll()
    }

    /// Frees a link that both sides have closed, and settles its unsettled deliveries.
    final func free() {
        guard let pointer else { return }
        invalidate()
        settleUnread(on: pointer)
        pn_link_free(pointer)
    }

    /// Releases proton's link.
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

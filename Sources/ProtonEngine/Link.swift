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
    @exclusivity(unchecked) package final var eventHandler: (any EventHandler)?
    /// The connection's domain; kept alive by `session`.
    private final let domain: Domain
    /// What the floor above keeps with the link.
    @exclusivity(unchecked) package final var attachment: AnyObject?
    /// Which sides have closed or detached, as far as events have told.
    @exclusivity(unchecked) final var endedSides: EndpointState = []
    /// What has come of a message that is not complete yet.
    @exclusivity(unchecked) private(set) final var partial: [UInt8] = []
    /// The largest message that is taken, in bytes.
    final let messageSizeLimit: Int
    /// The deliveries of the link that have not been settled here.
    @exclusivity(unchecked) package final var deliveries = DeliveryTable()

    /// Whether the peer made the link.
    final var isPeerMade = false

    init(_ pointer: OpaquePointer, of session: Session) {
        self.pointer = pointer
        self.session = session
        domain = session.connection.workQueue.domain
        isSender = pn_link_is_sender(pointer)
        messageSizeLimit = session.connection.limits.maxMessageSize
        name = DataBridge.string(pn_link_name(pointer)) ?? ""
        // Proton's link keeps its wrapper alive until `invalidate` releases it.
        pn_link_set_context(pointer, Unmanaged.passRetained(self).toOpaque())
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

    // MARK: State

    /// How far the two sides have come; `.closed` once the link is over.
    public final var state: EndpointState {
        confined().map { EndpointState(rawValue: pn_link_state($0)) } ?? .closed
    }

    /// The error condition that this side closed the link with.
    public final var condition: Condition? {
        confined().flatMap { Condition(pn_link_condition($0)) }
    }

    /// The error condition that the peer closed the link with.
    public final var remoteCondition: Condition? {
        confined().flatMap { Condition(pn_link_remote_condition($0)) }
    }

    /// Opens this side: sends an attach frame.
    public final func open() {
        confined().use { pn_link_open($0) }
    }

    /// Closes this side: sends a detach frame that ends the link, with the condition where one is given.
    public final func close(_ condition: Condition?) {
        guard let pointer = confined(), !isLocalClosed else { return }
        if let condition { Condition.set(condition, in: pn_link_condition(pointer)) }
        pn_link_close(pointer)
    }

    /// Detaches this side without ending the link, so that it can be attached again by its name (AMQP 1.0, 2.6.4).
    public final func detach() {
        guard let pointer = confined(), !isLocalClosed else { return }
        pn_link_detach(pointer)
    }

    // MARK: Messages in parts

    /// Whether this many bytes more may be kept until the rest of their message is there.
    final func canKeep(_ count: Int) -> Bool {
        let limits = connection.limits
        return connection.incompleteBytes + count <= max(limits.maxIncompleteBytes, limits.maxMessageSize)
    }

    /// Keeps up to `count` bytes more; `read` puts them there, and returns how many they are.
    final func keep(_ count: Int, _ read: (UnsafeMutableRawBufferPointer) -> Int) {
        let start = partial.count
        partial.append(contentsOf: repeatElement(0, count: count))
        let read = partial.withUnsafeMutableBytes { read(UnsafeMutableRawBufferPointer(rebasing: $0[start...])) }
        partial.removeLast(count - read)
        connection.incompleteBytes += read
    }

    /// Takes out what was kept.
    @discardableResult
    final func takePartial() -> [UInt8] {
        guard !partial.isEmpty else { return [] }
        connection.incompleteBytes -= partial.count
        return exchange(&partial, with: [])
    }

    // MARK: Credit

    /// How many messages the receiver has asked for that have not been sent yet; of a sender, how many it may send.
    public final var credit: Int {
        confined().map { Int(pn_link_credit($0)) } ?? 0
    }

    /// How many deliveries are buffered on this side.
    public final var queued: Int {
        confined().map { Int(pn_link_queued($0)) } ?? 0
    }

    /// How many deliveries this side has not settled.
    public final var unsettled: Int {
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
        set { confined().use { pn_link_set_rcv_settle_mode($0, newValue.code) } }
    }

    /// Whether the sender settles what it sends, as the peer says.
    public final var remoteSenderSettleMode: SenderSettleMode {
        confined().map { SenderSettleMode(pn_link_remote_snd_settle_mode($0)) } ?? .mixed
    }

    /// When the receiver settles, as the peer says.
    public final var remoteReceiverSettleMode: ReceiverSettleMode {
        confined().map { ReceiverSettleMode(pn_link_remote_rcv_settle_mode($0)) } ?? .first
    }

    /// The largest message that this side takes, in bytes; 0 is no limit. Set before `open`.
    public final var maxMessageSize: UInt64 {
        get { confined().map { pn_link_max_message_size($0) } ?? 0 }
        set { confined().use { pn_link_set_max_message_size($0, newValue) } }
    }

    /// The largest message that the peer takes, in bytes; 0 is no limit.
    public final var remoteMaxMessageSize: UInt64 {
        confined().map { pn_link_remote_max_message_size($0) } ?? 0
    }

    /// What this side tells of the link.
    public final var properties: AMQPMap {
        get { DataBridge.value(of: confined().flatMap(pn_link_properties))?.mapValue ?? [:] }
        set { DataBridge.set(newValue.isEmpty ? nil : .map(newValue), in: confined().flatMap(pn_link_properties)) }
    }

    /// What the peer tells of the link.
    public final var remoteProperties: AMQPMap {
        DataBridge.value(of: confined().flatMap(pn_link_remote_properties))?.mapValue ?? [:]
    }

    // MARK: Life

    /// Frees a link that both sides have closed, and settles what was unsettled on it.
    final func free() {
        guard let pointer else { return }
        connection.noteLinkFreed()
        invalidate()
        pn_link_free(pointer)
    }

    /// Lets go of proton's link.
    final func invalidate() {
        guard let pointer else { return }
        self.pointer = nil
        deliveries.removeAll()
        takePartial()
        eventHandler = nil
        pn_link_set_context(pointer, nil)
        Unmanaged.passUnretained(self).release()
    }
}

/// The end of a link that sends.
public final class Sender: Link {
    @exclusivity(unchecked) private var tagCount: UInt64 = 0

    /// Sends a message.
    ///
    /// It goes out after the callback; what the peer makes of it comes to `onAccepted` and the like. On a link whose
    /// messages are sent settled (`.atMostOnce`) the delivery is settled already.
    /// - Throws: `ProtonError.Code.noCredit` where the sender has no credit: send from `onSendable`, while `credit` is
    ///   above zero; `ProtonError.Code.closed` where the link is over; `CodecError` where the message is too deep or too
    ///   large to encode.
    @discardableResult
    public func send(_ message: Message) throws -> Delivery {
        let pointer = try admitted()
        return try begin(pointer, with: connection.encodingBuffer.encode(message))
    }

    /// Sends a message that is encoded already.
    /// - Throws: as `send(_:)` does.
    @discardableResult
    public func send(encoded bytes: [UInt8]) throws -> Delivery {
        let pointer = try admitted()
        return bytes.withUnsafeBytes { begin(pointer, with: $0) }
    }

    /// Tells the receiver how many messages wait here (AMQP 1.0, 2.6.7: `available`).
    public func offered(_ count: Int) {
        confined().use { pn_link_offered($0, Int32(clamping: count)) }
    }

    /// Whether the receiver asks for what can be sent at once, and for the rest of its credit back
    /// (AMQP 1.0, 2.6.7: `drain`); answer with `drained`.
    public var isDraining: Bool {
        confined().map { pn_link_get_drain($0) } ?? false
    }

    /// Gives back the credit that is left, where the receiver has asked for a drain.
    /// - Returns: how much credit that was.
    @discardableResult
    public func drained() -> Int {
        confined().map { Int(pn_link_drained($0)) } ?? 0
    }

    /// Proton's link, where it may send.
    private func admitted() throws -> OpaquePointer {
        guard let pointer = confined() else {
            throw ProtonError(.closed, "The link \(name) is over: nothing can be sent on it.")
        }
        guard pn_link_credit(pointer) > 0 else {
            throw ProtonError(
                .noCredit, "The link \(name) has no credit: send from onSendable, while the sender's credit is above 0."
            )
        }
        return pointer
    }

    private func begin(_ pointer: OpaquePointer, with bytes: UnsafeRawBufferPointer) -> Delivery {
        tagCount &+= 1
        var tag = tagCount.bigEndian
        let delivery = withUnsafeBytes(of: &tag) { tag in
            pn_delivery(pointer, pn_dtag(tag.baseAddress?.assumingMemoryBound(to: CChar.self), tag.count))
        }
        guard let delivery else { return Delivery.settled(on: self) }
        pn_link_send(pointer, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        pn_link_advance(pointer)
        if pn_link_snd_settle_mode(pointer) == PN_SND_SETTLED {
            pn_delivery_settle(delivery)
            return Delivery.settled(on: self)
        }
        return Delivery(delivery, new: self)
    }
}

/// The end of a link that receives.
public final class Receiver: Link {
    /// Wraps a link of this side's, or the peer's, and tells the peer how large a message may be.
    init(adopting pointer: OpaquePointer, of session: Session) {
        super.init(pointer, of: session)
        pn_link_set_max_message_size(pointer, UInt64(messageSizeLimit))
    }

    /// Lets the peer send this many messages more, up to 2,147,483,647 in all.
    public func flow(_ credit: Int) {
        guard credit > 0, let pointer = confined() else { return }
        pn_link_flow(pointer, fitting(credit, in: pointer))
    }

    /// Lets the peer send this many messages more, and asks it to give back what it cannot use at once
    /// (AMQP 1.0, 2.6.7: `drain`).
    public func drain(_ credit: Int) {
        guard let pointer = confined() else { return }
        pn_link_drain(pointer, fitting(credit, in: pointer))
    }

    /// What of `credit` fits on top of what there is: proton adds without a check.
    private func fitting(_ credit: Int, in pointer: OpaquePointer) -> Int32 {
        min(Int32(clamping: max(0, credit)), .max - max(0, pn_link_credit(pointer)))
    }

    /// Whether a drain is under way.
    public var isDraining: Bool {
        confined().map { pn_link_draining($0) } ?? false
    }
}

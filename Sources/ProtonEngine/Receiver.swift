// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

/// The receiving end of a link.
public final class Receiver: Link {
    /// Whether a drain was requested whose end was not reported.
    @exclusivity(unchecked) package private(set) var awaitsDrainEnd = false
    /// The largest credit that the peer has had at one time.
    @exclusivity(unchecked) private var mostCredit = 0
    /// The number of messages beyond the credit since credit was last issued.
    @exclusivity(unchecked) private var excess = 0
    /// Whether the peer has attached the link: only then is its delivery-count known.
    @exclusivity(unchecked) private var isAttached = false

    /// Wraps a link of this side or of the peer, and sets the maximum message size for the peer.
    init(adopting pointer: OpaquePointer, of session: Session) {
        super.init(pointer, of: session)
        pn_link_set_max_message_size(pointer, UInt64(messageSizeLimit))
    }

    /// Issues credit for this number of additional messages, up to 2,147,483,647 in total; 0 has no effect.
    ///
    /// It may be called before the link is open: the credit is then issued after the peer has attached, because credit counts
    /// from the delivery-count that the peer sends there (AMQP 1.0, 2.6.7). Credit that is unused when the connection is lost is
    /// issued again when the link is attached again.
    /// - Throws: `ProtonError.Code.invalidArgument` for a negative number.
    public func flow(_ credit: Int) throws(ProtonError) {
        try Receiver.check(credit)
        grant(credit)
    }

    /// Works as `flow`, for a number that is known not to be negative.
    package func grant(_ credit: Int) {
        guard credit > 0, let pointer = confined() else { return }
        awaitsDrainEnd = false
        let more = fitting(credit, in: pointer)
        if isAttached { pn_link_flow(pointer, more) } else { waitingCredit += more }
        (mostCredit, excess) = (max(mostCredit, self.credit), 0)
    }

    /// Issues credit retroactively for messages beyond the credit, if the peer may have miscounted.
    ///
    /// RabbitMQ 3 counts credit that arrives while its messages are in transit as if they had not been sent, so that it may send
    /// as many messages again as there was credit for. A listener's peers may be any client, and are allowed no excess.
    func forgivesExcess() -> Bool {
        guard !connection.isIncoming, let pointer else { return false }
        let count = max(0, -pn_link_remote_credit(pointer))
        guard excess + Int(count) <= mostCredit else { return false }
        excess += Int(count)
        pn_link_flow(pointer, count)
        return true
    }

    /// Issues credit for this number of additional messages, and asks the peer to return the credit that it cannot use at once
    /// (AMQP 1.0, 2.6.7: `drain`).
    ///
    /// After all credit is used or returned, `onReceiverDrainFinish` is called; then credit is issued again according to
    /// `HandlerOptions.prefetch`. A call of `flow` before that cancels the drain. A drain that is in progress when the connection
    /// is lost is requested again when the link is attached again.
    /// - Throws: `ProtonError.Code.invalidArgument` for a negative number.
    public func drain(_ credit: Int = 0) throws(ProtonError) {
        try Receiver.check(credit)
        guard let pointer = confined() else { return }
        awaitsDrainEnd = true
        let more = fitting(credit, in: pointer)
        if isAttached { drain(more, on: pointer) } else { waitingCredit += more }
        (mostCredit, excess) = (max(mostCredit, self.credit), 0)
    }

    private func drain(_ credit: Int32, on pointer: OpaquePointer) {
        pn_link_drain(pointer, credit)
        // A peer without credit has none to return, and sends nothing, so this side makes the event that ends the drain.
        guard !pn_link_draining(pointer),
            let collector = pn_session_connection(pn_link_session(pointer)).flatMap(pn_connection_collector)
        else { return }
        let object = UnsafeMutableRawPointer(pointer)
        pn_collector_put(collector, pn_class(object), object, PN_LINK_FLOW)
    }

    /// Issues the credit that waits for the peer's attach.
    ///
    /// A flow frame before that would contain an unknown delivery-count, which 2.7.4 forbids: if the peer's count starts at
    /// another value, the credit would count from there.
    override func noteRemoteAttach() {
        super.noteRemoteAttach()
        isAttached = true
        guard let pointer else { return }
        let credit = exchange(&waitingCredit, with: 0)
        if awaitsDrainEnd {
            drain(credit, on: pointer)
        } else if credit > 0 {
            pn_link_flow(pointer, credit)
        }
    }

    /// When the link is made again for a new transport, unused credit waits for the peer to attach again.
    override func noteRenewal(of old: OpaquePointer) {
        super.noteRenewal(of: old)
        isAttached = false
        waitingCredit += max(0, pn_link_credit(old))
    }

    /// Whether a drain is in progress.
    public var isDraining: Bool {
        confined().map { pn_link_draining($0) || (awaitsDrainEnd && waitingCredit > 0) } ?? false
    }

    /// Whether a drain has ended that was not reported yet; true once.
    package func takeDrainEnd() -> Bool {
        // Unread messages count as credit: they are delivered before the end of the drain.
        guard awaitsDrainEnd, isAttached, credit == 0 else { return false }
        awaitsDrainEnd = false
        return true
    }

    private static func check(_ credit: Int) throws(ProtonError) {
        guard credit < 0 else { return }
        throw ProtonError(
            .invalidArgument, "\(credit) is no credit: it is 0 or more. What was given is taken back by a drain.")
    }

    /// The part of `credit` that does not overflow the present credit, because proton adds without a check.
    private func fitting(_ credit: Int, in pointer: OpaquePointer) -> Int32 {
        min(Int32(clamping: credit), .max - max(0, pn_link_credit(pointer)) - waitingCredit)
    }
}

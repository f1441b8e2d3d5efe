// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

/// The end of a link that receives.
public final class Receiver: Link {
    /// Whether a drain was asked for whose end has not been told.
    @exclusivity(unchecked) package private(set) var awaitsDrainEnd = false
    /// The most credit that the peer has had at once.
    @exclusivity(unchecked) private var mostCredit = 0
    /// How many messages have come beyond the credit since some was given.
    @exclusivity(unchecked) private var excess = 0
    /// Whether the peer has attached the link: only then is known what its delivery-count is.
    @exclusivity(unchecked) private var isAttached = false

    /// Wraps a link of this side's, or the peer's, and tells the peer how large a message may be.
    init(adopting pointer: OpaquePointer, of session: Session) {
        super.init(pointer, of: session)
        pn_link_set_max_message_size(pointer, UInt64(messageSizeLimit))
    }

    /// Lets the peer send this many messages more, up to 2,147,483,647 in all; 0 does nothing.
    ///
    /// It may be called before the link is open: the credit then waits until the peer has attached, since it is counted
    /// from what the peer says there (AMQP 1.0, 2.6.7). Credit that is not used when the connection is lost is given
    /// again when the link is attached again.
    /// - Throws: `ProtonError.Code.invalidArgument` for a negative number.
    public func flow(_ credit: Int) throws(ProtonError) {
        try Receiver.check(credit)
        grant(credit)
    }

    /// Does what `flow` does, for a number that is known not to be negative.
    package func grant(_ credit: Int) {
        guard credit > 0, let pointer = confined() else { return }
        awaitsDrainEnd = false
        let more = fitting(credit, in: pointer)
        if isAttached { pn_link_flow(pointer, more) } else { waitingCredit += more }
        (mostCredit, excess) = (max(mostCredit, self.credit), 0)
    }

    /// Gives credit afterwards to messages that have come beyond it, where the peer may have counted wrong.
    ///
    /// RabbitMQ 3 counts credit that comes while its messages are under way as if they were not: as many may come twice as
    /// there was credit for. Of a listener's peers, which it does not know, none is forgiven.
    func forgivesExcess() -> Bool {
        guard !connection.isIncoming, let pointer else { return false }
        let count = max(0, -pn_link_remote_credit(pointer))
        guard excess + Int(count) <= mostCredit else { return false }
        excess += Int(count)
        pn_link_flow(pointer, count)
        return true
    }

    /// Lets the peer send this many messages more, and asks it to give back what it cannot use at once
    /// (AMQP 1.0, 2.6.7: `drain`).
    ///
    /// When all credit is used or given back `onReceiverDrainFinish` is called; then credit is topped up again, where
    /// `HandlerOptions.prefetch` says so. To give credit with `flow` before that takes the drain back. A drain that is
    /// under way when the connection is lost is asked for again when the link is attached again.
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
        // A peer that has no credit has none to give back, and says nothing: the drain's end is told by an event of ours.
        guard !pn_link_draining(pointer),
            let collector = pn_session_connection(pn_link_session(pointer)).flatMap(pn_connection_collector)
        else { return }
        let object = UnsafeMutableRawPointer(pointer)
        pn_collector_put(collector, pn_class(object), object, PN_LINK_FLOW)
    }

    /// The peer has attached: gives the credit that waits for that.
    ///
    /// A flow frame that left before would name a delivery-count that is not known yet, which 2.7.4 forbids: a peer that
    /// starts at another one would count our credit from there.
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

    /// The link is made again for a new transport: credit that was not used waits for the peer to attach again.
    override func noteRenewal(of old: OpaquePointer) {
        super.noteRenewal(of: old)
        isAttached = false
        waitingCredit += max(0, pn_link_credit(old))
    }

    /// Whether a drain is under way.
    public var isDraining: Bool {
        confined().map { pn_link_draining($0) || (awaitsDrainEnd && waitingCredit > 0) } ?? false
    }

    /// Whether a drain has come to its end that has not been told; says so once.
    package func takeDrainEnd() -> Bool {
        // Messages that wait count as credit: they come before the end.
        guard awaitsDrainEnd, isAttached, credit == 0 else { return false }
        awaitsDrainEnd = false
        return true
    }

    private static func check(_ credit: Int) throws(ProtonError) {
        guard credit < 0 else { return }
        throw ProtonError(
            .invalidArgument, "\(credit) is no credit: it is 0 or more. What was given is taken back by a drain.")
    }

    /// What of `credit` fits on top of what there is: proton adds without a check.
    private func fitting(_ credit: Int, in pointer: OpaquePointer) -> Int32 {
        min(Int32(clamping: credit), .max - max(0, pn_link_credit(pointer)) - waitingCredit)
    }
}

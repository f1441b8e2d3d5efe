import AMQP
import CProton

/// The end of a link that receives.
public final class Receiver: Link {
    /// Whether a drain was asked for whose end has not been told.
    @exclusivity(unchecked) package private(set) var awaitsDrainEnd = false

    /// Wraps a link of this side's, or the peer's, and tells the peer how large a message may be.
    init(adopting pointer: OpaquePointer, of session: Session) {
        super.init(pointer, of: session)
        pn_link_set_max_message_size(pointer, UInt64(messageSizeLimit))
    }

    /// Lets the peer send this many messages more, up to 2,147,483,647 in all.
    public func flow(_ credit: Int) {
        guard credit > 0, let pointer = confined() else { return }
        awaitsDrainEnd = false
        pn_link_flow(pointer, fitting(credit, in: pointer))
    }

    /// Lets the peer send this many messages more, and asks it to give back what it cannot use at once
    /// (AMQP 1.0, 2.6.7: `drain`).
    ///
    /// When all credit is used or given back `onReceiverDrainFinish` is called; then credit is topped up again, where
    /// `HandlerOptions.prefetch` says so. To give credit with `flow` before
    /// that takes the drain back.
    public func drain(_ credit: Int = 0) {
        guard let pointer = confined() else { return }
        pn_link_drain(pointer, fitting(credit, in: pointer))
        awaitsDrainEnd = true
        // A peer that has no credit has none to give back, and says nothing: the drain's end is told by an event of ours.
        guard !pn_link_draining(pointer),
            let collector = pn_session_connection(pn_link_session(pointer)).flatMap(pn_connection_collector)
        else { return }
        let object = UnsafeMutableRawPointer(pointer)
        pn_collector_put(collector, pn_class(object), object, PN_LINK_FLOW)
    }

    /// Whether a drain is under way.
    public var isDraining: Bool {
        confined().map { pn_link_draining($0) } ?? false
    }

    /// Whether a drain has come to its end that has not been told; says so once.
    package func takeDrainEnd() -> Bool {
        // Messages that wait count as credit: they come before the end.
        guard awaitsDrainEnd, credit == 0 else { return false }
        awaitsDrainEnd = false
        return true
    }

    /// What of `credit` fits on top of what there is: proton adds without a check.
    private func fitting(_ credit: Int, in pointer: OpaquePointer) -> Int32 {
        min(Int32(clamping: max(0, credit)), .max - max(0, pn_link_credit(pointer)))
    }
}

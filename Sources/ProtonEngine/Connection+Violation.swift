// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

/// What happens where a peer breaks a rule of AMQP 1.0 or passes a limit of this side's: the connection is over.
extension Connection {
    /// Ends the connection since its peer broke a rule or passed a limit, with the error.
    ///
    /// The peer is sent what waits for it, and a close with the error; then the transport is closed, within a second also
    /// where the peer reads nothing. What has come and has no event yet is dropped, and nothing more is read. A connection
    /// that the peer has not opened is ended at once.
    ///
    /// The program is told by `onConnectionError`, with `Connection.condition`; where it had closed the connection before,
    /// or the peer had not opened it, by `onTransportError`, with `Transport.condition`.
    ///
    /// Called in the connection's domain; a second call does nothing.
    func end(for violation: Condition) {
        guard let pointer, let transport = pn_connection_transport(pointer), !ending.isViolated else { return }
        let wasClosed = isLocalClosed
        ending = .violated
        // Proton aborts the process where it writes before they are settled.
        settleForeignDeliveries()
        noteEnding()
        guard isRemoteOpened else { return abort(violation) }
        if wasClosed {
            noteAbort()
        } else {
            isFailing = true
            isTransportErrorTold = true
            // An answer to the peer's open comes before the close.
            if isLocalUninitialized { pn_connection_open(pointer) }
            Condition.set(violation, in: pn_connection_condition(pointer))
            pn_connection_close(pointer)
        }
        Condition.set(violation, in: pn_transport_condition(transport))
        // Proton writes the close now, since it adds its own words to one that is written when the tail is closed. Where
        // output waits already, proton's memory for it must not be moved under the proactor, which is writing it.
        if pn_transport_head(transport) == nil { _ = pn_transport_pending(transport) }
        pn_transport_close_tail(transport)
        Condition.set(violation, in: pn_transport_condition(transport))
        owner?.setDeadline(of: self, after: Connection.flushTime) { $0.abort() }
    }

    /// How long a peer has to take what is written before its connection is dropped.
    private static let flushTime: Duration = .seconds(1)

    // MARK: Events after a violation

    /// Whether an event is still told after the connection has been ended for a violation: not what the peer did.
    func isTold(_ event: OpaquePointer) -> Bool {
        switch pn_event_type(event) {
        case PN_DELIVERY, PN_LINK_FLOW, PN_CONNECTION_REMOTE_OPEN, PN_CONNECTION_REMOTE_CLOSE, PN_SESSION_REMOTE_OPEN,
            PN_SESSION_REMOTE_CLOSE, PN_LINK_REMOTE_OPEN, PN_LINK_REMOTE_CLOSE, PN_LINK_REMOTE_DETACH:
            false
        // One that the peer has made gets no wrapper any more.
        case PN_SESSION_INIT: pn_event_session(event).flatMap(Session.existing) != nil
        case PN_LINK_INIT: pn_event_link(event).flatMap(Link.existing) != nil
        case PN_TRANSPORT_ERROR: !isTransportErrorTold
        default: true
        }
    }

    // MARK: Deliveries of the peer's on links where this side sends

    /// What a peer did that sent a transfer on a link where this side sends (AMQP 1.0, 2.6.12).
    static var foreignDelivery: Condition {
        Condition(.notAllowed, "A transfer came on a link whose sender is this side.")
    }

    /// Settles what a peer has sent on links where this side sends: deliveries that are none of this side's.
    ///
    /// Proton 0.37 takes such a transfer for a delivery of the link, and an assertion of its fails when it writes the next
    /// frames (`pn_full_settle`), unless the delivery is settled before.
    /// - Returns: whether there was one.
    @discardableResult
    func settleForeignDeliveries() -> Bool {
        guard let pointer else { return false }
        var hasFound = false
        var link = pn_link_head(pointer, 0)
        while let current = link {
            link = pn_link_next(current, 0)
            guard pn_link_is_sender(current) else { continue }
            var delivery = pn_unsettled_head(current)
            while let candidate = delivery {
                delivery = pn_unsettled_next(candidate)
                guard pn_delivery_get_context(candidate) == nil else { continue }
                hasFound = true
                pn_delivery_settle(candidate)
            }
        }
        return hasFound
    }

    /// Sees to a delivery event that no handler is told of, since one has failed.
    func dropDelivery(_ event: OpaquePointer) {
        guard let delivery = pn_event_delivery(event), let link = pn_delivery_link(delivery), pn_link_is_sender(link),
            pn_delivery_get_context(delivery) == nil
        else { return }
        end(for: Connection.foreignDelivery)
    }
}

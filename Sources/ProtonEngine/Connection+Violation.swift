// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

/// Ends a connection whose peer broke a rule of AMQP 1.0 or exceeded a limit of this side.
extension Connection {
    /// Ends the connection with an error, because its peer broke a rule or exceeded a limit.
    ///
    /// The peer is sent the pending output and a close with the error; then the transport is closed, within one second even if
    /// the peer does not read. Input without an event yet is dropped, and no more input is read. A connection that the peer has
    /// not opened is ended at once.
    ///
    /// The program receives `onConnectionError`, with `Connection.condition`. If the program had closed the connection before, or
    /// if the peer had not opened it, the program receives `onTransportError`, with `Transport.condition`.
    ///
    /// Called in the connection's domain; a second call has no effect.
    func end(for violation: Condition) {
        guard let pointer, let transport = pn_connection_transport(pointer), !ending.isViolated else { return }
        let wasClosed = isLocalClosed
        ending = .violated
        // Proton aborts the process if it writes before these are settled.
        settleForeignDeliveries()
        noteEnding()
        guard isRemoteOpened else { return abort(violation) }
        if wasClosed {
            noteAbort()
        } else {
            isFailing = true
            isTransportErrorReported = true
            // The answer to the peer's open must precede the close.
            if isLocalUninitialized { pn_connection_open(pointer) }
            Condition.set(violation, in: pn_connection_condition(pointer))
            pn_connection_close(pointer)
        }
        Condition.set(violation, in: pn_transport_condition(transport))
        // Proton writes the close now, because it adds its own text to a close that is written after the tail is closed. If
        // output is already pending, proton's buffer must not move while the proactor writes it.
        if pn_transport_head(transport) == nil { _ = pn_transport_pending(transport) }
        pn_transport_close_tail(transport)
        Condition.set(violation, in: pn_transport_condition(transport))
        owner?.setDeadline(of: self, after: Connection.flushTime) { $0.abort() }
    }

    /// The time for a peer to read the output before its connection is dropped.
    private static let flushTime: Duration = .seconds(1)

    // MARK: Events after a violation

    /// Whether handlers still receive an event after the connection was ended for a violation: not if the peer caused the event.
    func isTold(_ event: OpaquePointer) -> Bool {
        switch pn_event_type(event) {
        case PN_DELIVERY, PN_LINK_FLOW, PN_CONNECTION_REMOTE_OPEN, PN_CONNECTION_REMOTE_CLOSE, PN_SESSION_REMOTE_OPEN,
            PN_SESSION_REMOTE_CLOSE, PN_LINK_REMOTE_OPEN, PN_LINK_REMOTE_CLOSE, PN_LINK_REMOTE_DETACH:
            false
        // An endpoint that the peer has made gets no wrapper any more.
        case PN_SESSION_INIT: pn_event_session(event).flatMap(Session.existing) != nil
        case PN_LINK_INIT: pn_event_link(event).flatMap(Link.existing) != nil
        case PN_TRANSPORT_ERROR: !isTransportErrorReported
        default: true
        }
    }

    // MARK: Transfers on links where this side is the sender

    /// The condition for a peer that sent a transfer on a link where this side is the sender (AMQP 1.0, 2.6.12).
    static var foreignDelivery: Condition {
        Condition(.notAllowed, "A transfer came on a link whose sender is this side.")
    }

    /// Settles deliveries that a peer has sent on links where this side is the sender.
    ///
    /// Proton 0.37 adds such a transfer to the link's deliveries, and an assertion fails when it writes the next frames
    /// (`pn_full_settle`), unless the delivery is settled before.
    /// - Returns: whether there was such a delivery.
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

    /// Handles a delivery event that no handler receives, because a handler has failed.
    func dropDelivery(_ event: OpaquePointer) {
        guard let delivery = pn_event_delivery(event), let link = pn_delivery_link(delivery), pn_link_is_sender(link),
            pn_delivery_get_context(delivery) == nil
        else { return }
        end(for: Connection.foreignDelivery)
    }
}

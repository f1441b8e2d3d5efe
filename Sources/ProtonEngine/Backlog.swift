// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// Releases unread deliveries of a session when this side closes the session or the link.
///
/// If the session's incoming window is closed, proton opens it with a flow frame when a delivery is settled. If the link or
/// session has ended by then, that frame has a handle or channel that is no longer in use, and the peer closes the connection
/// (`pni_process_tpwork_receiver` does not check). So unread deliveries are released before, which opens the window. The window
/// of a session that this side closes does not close again: the peer's credit limits what still arrives.
extension Session {
    /// Releases the unread deliveries of all links, if the incoming window is closed.
    func releaseUnreadIfWindowClosed() {
        guard isWindowClosed else { return }
        incomingCapacity = Int(Int32.max) * Int(connection.limits.maxFrameSize)
        for link in connection.links where link.session === self { link.releaseUnread() }
    }

    /// Whether the peer cannot send another frame until something is read.
    fileprivate var isWindowClosed: Bool { incomingBytes + Int(connection.limits.maxFrameSize) > incomingCapacity }
}

extension Link {
    /// Releases the unread deliveries of this link, if the session's incoming window is closed.
    func releaseUnreadIfWindowClosed() {
        if isReceiver, session.isWindowClosed { releaseUnread() }
    }

    fileprivate func releaseUnread() {
        guard isReceiver, let pointer else { return }
        while let current = pn_link_current(pointer) {
            // The event of a new delivery is still to come; it then finds the delivery settled.
            (Delivery(known: current, of: self) ?? Delivery(current, new: self)).settleAtOnce(.released)
            if pn_link_current(pointer) == current { goOn(on: pointer) }
            if pn_link_current(pointer) == current { return }
        }
    }
}

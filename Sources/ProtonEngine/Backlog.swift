// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// What has come on a session and has not been read, when its link or the session is closed here.
///
/// Where the session's window is shut, proton opens it with a flow frame as soon as something is settled. Once it has
/// ended the link or the session, that names a handle or a channel that nobody knows, and the peer ends the whole
/// connection (`pni_process_tpwork_receiver` does not look). So what was not read is given back before, which opens the
/// window. That of a session that is closed does not shut again: what still comes is bounded by the peer's credit.
extension Session {
    /// Gives back what was not read on all links.
    func giveBackWhereShut() {
        guard isShut else { return }
        incomingCapacity = Int(Int32.max) * Int(connection.limits.maxFrameSize)
        for link in connection.links where link.session === self { link.giveBack() }
    }

    /// Whether the peer can send no frame more until something is read.
    fileprivate var isShut: Bool { incomingBytes + Int(connection.limits.maxFrameSize) > incomingCapacity }
}

extension Link {
    /// Gives back what was not read on this link.
    func giveBackWhereShut() {
        if isReceiver, session.isShut { giveBack() }
    }

    fileprivate func giveBack() {
        guard isReceiver, let pointer else { return }
        while let current = pn_link_current(pointer) {
            // One that is new has its event still to come, which then finds it settled.
            (Delivery(known: current, of: self) ?? Delivery(current, new: self)).settleAtOnce(.released)
            if pn_link_current(pointer) == current { goOn(on: pointer) }
            if pn_link_current(pointer) == current { return }
        }
    }
}

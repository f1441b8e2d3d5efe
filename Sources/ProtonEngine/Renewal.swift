// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton

/// A connection continues on a new transport: proton's objects are made again for the same `Connection`, `Session`s and `Link`s.
///
/// Proton can bind its old objects to a new transport, but these keep the state of the lost peer's endpoints, and deliveries that
/// would be sent again, without their bytes, when they are settled.
extension Connection {
    /// Sends the final events of the sessions and links that `renew` will end.
    package func dispatchFinalOfTheEnding() throws {
        try dispatchFinal(of: links.filter { !$0.isRenewable }, allSessions.filter { !$0.isRenewable })
    }

    /// Replaces the `pn_connection_t` whose transport has closed by a new one, with the endpoints that this side has open.
    ///
    /// Sessions and links that this side has closed, or that the peer made, end. Deliveries are forgotten: the peer delivers the
    /// unsettled messages that it sent again, or to another receiver, and sent messages without an outcome are in doubt. Called
    /// in the connection's domain; the proactor frees the old object.
    package func renew() {
        guard let old = pointer, let new = pn_connection() else { return }
        pn_connection_set_container(new, pn_connection_get_container(old))
        pn_connection_set_hostname(new, pn_connection_get_hostname(old))
        pn_connection_set_user(new, pn_connection_get_user(old))
        pn_data_copy(pn_connection_offered_capabilities(new), pn_connection_offered_capabilities(old))
        pn_data_copy(pn_connection_desired_capabilities(new), pn_connection_desired_capabilities(old))
        pn_data_copy(pn_connection_properties(new), pn_connection_properties(old))
        let (sessions, links) = (allSessions, links)
        replacePointer(with: new)
        pn_connection_open(new)
        for session in sessions { session.renew(on: new) }
        for link in links { link.renew() }
        if defaultSession?.pointer == nil { defaultSession = nil }
    }
}

extension Session {
    fileprivate var isRenewable: Bool {
        guard let pointer else { return false }
        return !isPeerMade && pn_session_state(pointer) & PN_LOCAL_CLOSED == 0
    }

    fileprivate func renew(on connection: OpaquePointer) {
        guard let old = pointer, isRenewable, let new = pn_session(connection) else { return invalidate() }
        pn_session_set_incoming_capacity(new, pn_session_get_incoming_capacity(old))
        pn_session_set_outgoing_window(new, pn_session_get_outgoing_window(old))
        endedSides = .active
        hasFirstLink = false
        pn_session_set_context(new, pn_session_get_context(old))
        pn_session_set_context(old, nil)
        pointer = new
        if pn_session_state(old) & PN_LOCAL_ACTIVE != 0 { pn_session_open(new) }
    }
}

extension Link {
    fileprivate var isRenewable: Bool {
        guard let pointer, session.isRenewable else { return false }
        return !isPeerMade && pn_link_state(pointer) & PN_LOCAL_CLOSED == 0
    }

    /// The link's session must be renewed before.
    fileprivate func renew() {
        let wasOpen = isLocalOpen
        guard let old = pointer, isRenewable, let session = session.pointer,
            let new = isSender ? pn_sender(session, name) : pn_receiver(session, name)
        else { return invalidate() }
        pn_terminus_copy(pn_link_source(new), pn_link_source(old))
        pn_terminus_copy(pn_link_target(new), pn_link_target(old))
        pn_data_copy(pn_link_properties(new), pn_link_properties(old))
        pn_link_set_snd_settle_mode(new, pn_link_snd_settle_mode(old))
        pn_link_set_rcv_settle_mode(new, pn_link_rcv_settle_mode(old))
        pn_link_set_max_message_size(new, pn_link_max_message_size(old))
        noteRenewal(of: old)
        pn_link_set_context(new, pn_link_get_context(old))
        pn_link_set_context(old, nil)
        pointer = new
        opening = .asked
        if wasOpen { open() }
    }
}

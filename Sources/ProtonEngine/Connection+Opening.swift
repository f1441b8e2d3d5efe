// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

extension Connection {
    /// Checks the peer's open frame, before handlers receive an event for it.
    /// - Returns: false if the connection is ended, or if the open frame was not the peer's.
    func admitsOpen() -> Bool {
        guard let transport = pointer.flatMap(pn_connection_transport) else { return false }
        // With SASL, proton gets a stand-in open frame before the peer's.
        if let sasl, sasl.takeStandInEvent() { return false }
        if case .open = phase {
            end(for: Condition(.notAllowed, "A second open frame came."))
            return false
        }
        noteRemoteOpen()
        let idleTimeout = Duration.milliseconds(Int64(pn_transport_get_remote_idle_timeout(transport)))
        guard idleTimeout == .zero || idleTimeout >= limits.minimumRemoteIdleTimeout else {
            let least = limits.minimumRemoteIdleTimeout.milliseconds
            end(
                for: Condition(
                    .notAllowed,
                    "An idle-time-out of \(idleTimeout.milliseconds) ms is too short: ask for \(least) ms or more."))
            return false
        }
        return true
    }

    /// Makes a client's proton write its SASL header before the server's first bytes are read, so that `SASLContext` receives all
    /// of these. Over TLS the server sends nothing before this side has written.
    func beginSASL() {
        guard !isIncoming, sasl != nil, case .none = tls, let transport = pointer.flatMap(pn_connection_transport)
        else {
            return
        }
        _ = pn_transport_pending(transport)
    }

    /// The condition for a peer that sent AMQP frames before SASL was completed.
    static var earlyFrame: Condition { Condition(.notAllowed, "A frame of AMQP came before SASL was done.") }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

extension Connection {
    /// Decides about the peer's open frame, before anyone is told of it.
    /// - Returns: whether it counts; where not, the connection is over, or the frame was not the peer's.
    func admitsOpen() -> Bool {
        guard let transport = pointer.flatMap(pn_connection_transport) else { return false }
        // Proton has been handed one before the peer's, so that SASL can be done.
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

    /// Has a client's proton write its header of SASL's before the server's first bytes are read: from then on they come to
    /// `SASLContext`. Over TLS nothing of the server's comes before this side has written.
    func beginSASL() {
        guard !isIncoming, sasl != nil, case .none = tls, let transport = pointer.flatMap(pn_connection_transport)
        else {
            return
        }
        _ = pn_transport_pending(transport)
    }

    /// What a peer did that sent frames of AMQP's before SASL was done.
    static var earlyFrame: Condition { Condition(.notAllowed, "A frame of AMQP came before SASL was done.") }
}

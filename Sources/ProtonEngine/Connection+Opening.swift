import AMQP
import CProton
import ProtonUtilities

extension Connection {
    /// Decides about the peer's open frame, before anyone is told of it.
    /// - Returns: whether it counts; where not, the connection is over.
    func admitsOpen() -> Bool {
        guard let transport = pointer.flatMap(pn_connection_transport) else { return false }
        // Proton 0.37 takes one inside of the SASL layer too (PROTON-2945).
        if let sasl, case .underWay = sasl.progress {
            end(for: Connection.earlyFrame)
            return false
        }
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

    /// What a peer did that sent frames of AMQP's before SASL was done.
    static var earlyFrame: Condition { Condition(.notAllowed, "A frame of AMQP came before SASL was done.") }
}

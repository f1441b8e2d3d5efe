// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// The reason why authentication failed, as far as this side knows it.
enum LoginFailure: Error {
    /// None of the mechanisms that the server offers can be used.
    case noMechanism([(name: SASLMechanism, obstacle: MechanismChoice.Obstacle)])
    /// The server has refused it, with a code of sasl-outcome (AMQP 1.0, 5.3.3.6).
    case refused(SASLMechanism, code: UInt8)
    /// The server violated the protocol, or did not prove its identity.
    case untrusted(SASLMechanism?, String)
    /// The program could not provide credentials.
    case credentials(any Error)
    /// A client of this listener was refused.
    case attempt(LoginAttempt)

    /// The failure as an error that says what to do.
    func error(of peer: String, _ condition: Condition?) -> ProtonError {
        switch self {
        case .noMechanism(let obstacles):
            ProtonError(
                .authenticationFailed,
                "\(peer) offers no SASL mechanism that this program may use: \(LoginFailure.advice(obstacles)).",
                condition: condition)
        case .refused(let mechanism, let code):
            LoginFailure.refusal(by: peer, mechanism, code, condition)
        case .untrusted(let mechanism, let text):
            ProtonError(
                .authenticationFailed,
                "\(peer) cannot be trusted: \(text)\(mechanism.map { " (\($0))" } ?? ""). Is it the right server?",
                condition: condition)
        case .credentials(let error as ProtonError): error
        case .credentials(is SASLBusy):
            ProtonError(
                .authenticationUnavailable, "\(peer): too many passwords wait to be hashed: log in later.",
                condition: condition)
        case .credentials(let error):
            ProtonError(
                .authenticationUnavailable, "\(peer): there are no credentials to log in with: \(error)",
                condition: condition, underlyingError: error)
        case .attempt(let attempt):
            ProtonError(.authenticationFailed, "\(peer) is not logged in: \(attempt.summary).", condition: condition)
        }
    }

    private static func refusal(
        by peer: String, _ mechanism: SASLMechanism, _ code: UInt8, _ condition: Condition?
    ) -> ProtonError {
        switch code {
        case 1:
            ProtonError(
                .authenticationFailed, "\(peer) refused the log-in by \(mechanism). Check user and password.",
                condition: condition)
        case 4:
            ProtonError(
                .authenticationUnavailable, "\(peer) cannot check a log-in now: try again later.", condition: condition)
        default:
            ProtonError(
                .authenticationFailed,
                "\(peer) could not check the log-in by \(mechanism), and will not: it has an error of its own (\(code)).",
                condition: condition)
        }
    }

    /// The offered mechanisms, and how to make one usable.
    private static func advice(_ obstacles: [(name: SASLMechanism, obstacle: MechanismChoice.Obstacle)]) -> String {
        guard !obstacles.isEmpty else { return "it offers none" }
        let names = obstacles.prefix(16).map { $0.name.description }.joined(separator: ", ")
        let offered = "it offers \(names)\(obstacles.count > 16 ? " and more" : "")"
        func first(_ obstacle: MechanismChoice.Obstacle) -> SASLMechanism? {
            obstacles.first { $0.obstacle == obstacle }?.name
        }
        if let name = first(.unprotected) {
            return "\(offered); \(name) would send the secret unprotected: connect by amqps, or set "
                + "allowsInsecureMechanisms to .everywhere where the network is trusted"
        }
        if let name = first(.notAllowed) { return "\(offered); allowedMechanisms leaves \(name) out" }
        if first(.noCredentials) != nil { return "\(offered): give a user and a password, or what else it wants" }
        if first(.anonymous) != nil { return "\(offered): leave the password out to connect without a log-in" }
        return offered
    }
}

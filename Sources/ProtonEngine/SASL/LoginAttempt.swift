// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// One client's try to log in, and how it ended.
public struct LoginAttempt: Sendable, Hashable {
    /// Why a log-in was refused: what the log says; the client is told none of it.
    public enum Outcome: Sendable, Hashable {
        /// The client is logged in.
        case accepted
        /// Wrong user or password, or who the client is may not log in.
        case wrongCredentials
        /// The client chose a mechanism that was not offered to it.
        case notOffered
        /// The client broke the protocol, or a limit of the exchange.
        case malformed
        /// The user may not act as the one that was asked for.
        case notPermitted
        /// It could not be checked: too many log-ins at once, or the authenticator failed.
        case unavailable
    }

    /// The mechanism that the client chose.
    public let mechanism: SASLMechanism
    /// The user that the client says it is; nil where it did not come to that. It may be any text: escape it where it is shown.
    public let user: String?
    /// Who the client is.
    public let peer: SASLPeer
    /// How it ended.
    public let outcome: Outcome

    /// Creates an attempt, for tests of an authenticator.
    public init(mechanism: SASLMechanism, user: String?, peer: SASLPeer, outcome: Outcome) {
        (self.mechanism, self.user, self.peer, self.outcome) = (mechanism, user, peer, outcome)
    }

    /// What went wrong, for the log.
    package var summary: String {
        switch outcome {
        case .accepted: "it is"
        case .wrongCredentials: "wrong user or password (\(mechanism))"
        case .notOffered: "\(mechanism) was not offered"
        case .malformed: "its messages are malformed (\(mechanism))"
        case .notPermitted: "the user may not act as another (\(mechanism))"
        case .unavailable: "the log-in could not be checked (\(mechanism))"
        }
    }
}

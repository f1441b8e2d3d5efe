// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A client's attempt to authenticate, with its outcome.
public struct LoginAttempt: Sendable, Hashable {
    /// The outcome of an attempt. A reason for a failure is for the log; the client does not receive it.
    public enum Outcome: Sendable, Hashable {
        /// The client is authenticated.
        case accepted
        /// The user or the password is wrong, or the user may not authenticate.
        case wrongCredentials
        /// The client chose a mechanism that was not offered to it.
        case notOffered
        /// The client violated the protocol, or a limit of the exchange.
        case malformed
        /// The user may not act as the requested one.
        case notPermitted
        /// The check was not possible: too many attempts at once, or the authenticator failed.
        case unavailable
    }

    /// The mechanism that the client chose.
    public let mechanism: SASLMechanism
    /// The user name that the client sent; nil if it sent none. It may be any text: escape it before it is displayed.
    public let user: String?
    /// The client's connection.
    public let peer: SASLPeer
    /// The outcome.
    public let outcome: Outcome

    /// Creates an attempt, for tests of an authenticator.
    public init(mechanism: SASLMechanism, user: String?, peer: SASLPeer, outcome: Outcome) {
        (self.mechanism, self.user, self.peer, self.outcome) = (mechanism, user, peer, outcome)
    }

    /// The outcome as a text for the log.
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

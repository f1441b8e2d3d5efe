// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
public import ProtonEngine

/// Which failures of a connection are worth another try.
///
/// It is asked after a failed try, after the loss of a transport, and when a peer closes the connection with an error
/// condition: where the answer is yes, that close is treated as a loss (`onTransportError`, `onDisconnected`, then a new
/// try), and else as the end (`onConnectionError`). A connection that this side closes, since its peer broke a rule of AMQP
/// or passed a limit of `ConnectionLimits`, is not made again. How long to wait and how often to try is for `Backoff` to say.
public struct ReconnectPolicy: Sendable {
    private let isRetried: @Sendable (ProtonError) -> Bool

    /// Creates a policy.
    /// - Parameter isRetried: whether to try again after an error; `condition` is the AMQP condition that the peer gave.
    ///   Called in the connection's domain.
    public init(_ isRetried: @escaping @Sendable (ProtonError) -> Bool) {
        self.isRetried = isRetried
    }

    /// Tries again after what can get better without the program: the default.
    ///
    /// A failed log-in, TLS that was refused on either side, another protocol, and the conditions that find fault with what
    /// either side asked for or sent are final: `amqp:unauthorized-access`, `amqp:not-found`, `amqp:not-allowed`,
    /// `amqp:not-implemented`, `amqp:invalid-field`, `amqp:decode-error`, `amqp:precondition-failed`, `amqp:illegal-state`,
    /// `amqp:frame-size-too-small`, `amqp:connection:framing-error` and `amqp:connection:redirect`. All others are tried
    /// again: a broker that stops may call that `amqp:connection:forced`, `amqp:internal-error` or something of its own.
    public static let transient = ReconnectPolicy { error in
        switch error.code {
        case .authenticationFailed, .protocolMismatch, .tlsFailed: false
        case .connectionError, .protocolViolation: error.condition.map { !finalConditions.contains($0.name) } ?? false
        default: true
        }
    }

    /// Tries again after every error, also where the peer will most likely say the same again.
    public static let always = ReconnectPolicy { _ in true }

    /// Whether to try again after an error.
    public func triesAgain(after error: ProtonError) -> Bool { isRetried(error) }

    private static let finalConditions: Set<Symbol> = [
        .unauthorizedAccess, .notFound, .notAllowed, .notImplemented, .invalidField, .decodeError, .preconditionFailed,
        .illegalState, .frameSizeTooSmall, .framingError, .connectionRedirect,
    ]
}

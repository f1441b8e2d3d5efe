// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
public import ProtonEngine

/// Decides after which errors a connection is made again.
///
/// It is called after a failed attempt, after the loss of a transport, and when a peer closes the connection with an error
/// condition. If it returns true, that close is treated as a loss (`onTransportError`, `onDisconnected`, then a new attempt), and
/// otherwise as the end (`onConnectionError`). A connection that this side closes, since its peer violated AMQP or exceeded a
/// limit of `ConnectionLimits`, is not made again. `Backoff` decides about delays and the number of attempts.
public struct ReconnectPolicy: Sendable {
    private let isRetried: @Sendable (ProtonError) -> Bool

    /// Creates a policy.
    /// - Parameter isRetried: whether to connect again after an error; its `condition` is the AMQP condition of the peer. Called
    ///   in the connection's domain.
    public init(_ isRetried: @escaping @Sendable (ProtonError) -> Bool) {
        self.isRetried = isRetried
    }

    /// Connects again after errors that can disappear without a change of the program: the default.
    ///
    /// These errors are final: failed authentication, TLS that either side refused, another protocol, and the conditions for
    /// invalid or forbidden requests of either side, which are `amqp:unauthorized-access`, `amqp:not-found`, `amqp:not-allowed`,
    /// `amqp:not-implemented`, `amqp:invalid-field`, `amqp:decode-error`, `amqp:precondition-failed`, `amqp:illegal-state`,
    /// `amqp:frame-size-too-small`, `amqp:connection:framing-error` and `amqp:connection:redirect`. After all others the
    /// connection is made again: a broker that stops may send `amqp:connection:forced`, `amqp:internal-error` or a condition of
    /// its own.
    public static let transient = ReconnectPolicy { error in
        switch error.code {
        case .authenticationFailed, .protocolMismatch, .tlsFailed: false
        case .connectionError, .protocolViolation: error.condition.map { !finalConditions.contains($0.name) } ?? false
        default: true
        }
    }

    /// Connects again after every error, also if the peer will most likely refuse again.
    public static let always = ReconnectPolicy { _ in true }

    /// Whether to connect again after an error.
    public func triesAgain(after error: ProtonError) -> Bool { isRetried(error) }

    private static let finalConditions: Set<Symbol> = [
        .unauthorizedAccess, .notFound, .notAllowed, .notImplemented, .invalidField, .decodeError, .preconditionFailed,
        .illegalState, .frameSizeTooSmall, .framingError, .connectionRedirect,
    ]
}

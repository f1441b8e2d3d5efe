// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP

/// An error of this library: what happened, what to do, and the AMQP condition if a peer has sent one.
public struct ProtonError: Error, Sendable, CustomStringConvertible {
    /// The kind of a `ProtonError`; new kinds may be added, so a switch over it needs a `default`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private let name: String

        private init(_ name: String) {
            self.name = name
        }

        /// The code's name, as in the source.
        public var description: String { name }

        /// The peer could not be reached: refused, unreachable, or its name is unknown.
        public static let connectFailed = Code("connectFailed")
        /// The transport ended without a close frame.
        public static let disconnected = Code("disconnected")
        /// The peer speaks another protocol, or another version of AMQP (AMQP 1.0, 2.2).
        public static let protocolMismatch = Code("protocolMismatch")
        /// The peer sent something that AMQP 1.0 does not allow.
        public static let protocolViolation = Code("protocolViolation")
        /// SASL failed: wrong credentials, no common mechanism, or a server that did not prove its identity.
        public static let authenticationFailed = Code("authenticationFailed")
        /// The authentication could not be performed now; the same credentials may succeed later.
        public static let authenticationUnavailable = Code("authenticationUnavailable")
        /// TLS failed, and would fail again.
        ///
        /// Causes are a certificate that is not trusted or is for another name, no common version or cipher, or a peer that does
        /// not use TLS.
        public static let tlsFailed = Code("tlsFailed")
        /// Something did not happen within its time limit.
        public static let timedOut = Code("timedOut")
        /// A limit of this side or of the peer was reached.
        public static let limitExceeded = Code("limitExceeded")
        /// The peer closed the connection with an error condition.
        public static let connectionError = Code("connectionError")
        /// The peer ended the session with an error condition.
        public static let sessionError = Code("sessionError")
        /// The peer closed the link with an error condition.
        public static let linkError = Code("linkError")
        /// The endpoint is closed, or its connection has ended.
        public static let closed = Code("closed")
        /// The sender has no credit.
        public static let noCredit = Code("noCredit")
        /// The listener could not be bound: the port is in use, not allowed, or the address does not exist.
        public static let listenFailed = Code("listenFailed")
        /// The outcome of a sent message, or of the commit of a transaction, is not known, because it did not arrive.
        /// `underlyingError` may have the reason.
        public static let inDoubt = Code("inDoubt")
        /// A transaction could not be begun or committed.
        public static let transactionFailed = Code("transactionFailed")
        /// An argument or an option is invalid.
        public static let invalidArgument = Code("invalidArgument")
        /// A message store could not be opened, read or written.
        public static let storeFailed = Code("storeFailed")
    }

    /// The kind of the error.
    public let code: Code
    /// One line that says what happened and what to do.
    ///
    /// Text from a peer is escaped, so that a terminal or a log can show it. `condition` has the original text.
    public let message: String
    /// The AMQP error condition of the peer or the transport.
    public let condition: Condition?
    /// The error that caused this one.
    public let underlyingError: (any Error)?

    /// Creates an error.
    public init(
        _ code: Code, _ message: String, condition: Condition? = nil, underlyingError: (any Error)? = nil
    ) {
        self.code = code
        self.message = message.escapedForTerminal(upTo: 4_000)
        self.condition = condition
        self.underlyingError = underlyingError
    }

    /// The same as `message`.
    public var description: String { message }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP

/// What went wrong, what to do about it, and the AMQP condition behind it where a peer gave one.
public struct ProtonError: Error, Sendable, CustomStringConvertible {
    /// The kind of a `ProtonError`: an open set, so that a switch over it needs a `default`.
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
        /// The peer sent what AMQP 1.0 does not allow.
        public static let protocolViolation = Code("protocolViolation")
        /// SASL failed: wrong credentials, no mechanism in common, or a server that has not proved who it is.
        public static let authenticationFailed = Code("authenticationFailed")
        /// A log-in could not be made or checked now; the same one may succeed later.
        public static let authenticationUnavailable = Code("authenticationUnavailable")
        /// TLS failed, and another try would as well: a certificate that is not trusted, or for another name, no version or
        /// cipher in common, a peer that speaks no TLS.
        public static let tlsFailed = Code("tlsFailed")
        /// Something did not happen in the time that it had.
        public static let timedOut = Code("timedOut")
        /// A limit of this side or of the peer was reached.
        public static let limitExceeded = Code("limitExceeded")
        /// The peer closed the connection with an error condition.
        public static let connectionError = Code("connectionError")
        /// The peer ended the session with an error condition.
        public static let sessionError = Code("sessionError")
        /// The peer closed the link with an error condition.
        public static let linkError = Code("linkError")
        /// The endpoint is closed, or its connection is over.
        public static let closed = Code("closed")
        /// The sender has no credit.
        public static let noCredit = Code("noCredit")
        /// A port could not be listened on: in use, not allowed, or no such address.
        public static let listenFailed = Code("listenFailed")
        /// A message was sent, or the commit of a transaction asked for, and what became of it is not known: the outcome
        /// did not come. `underlyingError` may tell why.
        public static let inDoubt = Code("inDoubt")
        /// A transaction was not begun, or not committed.
        public static let transactionFailed = Code("transactionFailed")
        /// An argument or an option makes no sense.
        public static let invalidArgument = Code("invalidArgument")
        /// A store of messages could not be opened, read or written.
        public static let storeFailed = Code("storeFailed")
    }

    /// The kind of the error.
    public let code: Code
    /// What happened and what to do, in one line.
    ///
    /// What a peer may have said of it is escaped: a terminal or a log may show it. `condition` has it as it came.
    public let message: String
    /// The AMQP error condition that the peer or the transport gave.
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

    /// The message, for a person.
    public var description: String { message }
}

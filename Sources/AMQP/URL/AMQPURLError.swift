// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The error for the text of a URL: what is wrong, where, and how to correct it.
///
/// It contains nothing of the text except an unknown scheme, so it can be logged even if the URL contains a password.
public struct AMQPURLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of a mistake in a URL.
    ///
    /// More codes may be added, so a `switch` over them needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name, the same as the name of the constant.
        public let description: String

        /// The scheme is neither `amqp` nor `amqps`.
        public static let invalidScheme = Code(description: "invalidScheme")
        /// The user or the password is not correctly percent-encoded UTF-8, or holds a zero byte.
        public static let invalidUserInfo = Code(description: "invalidUserInfo")
        /// The host contains a character that is not allowed in a host, or is an IPv6 address without correct brackets.
        public static let invalidHost = Code(description: "invalidHost")
        /// The port is neither a number from 0 to 65,535 nor `amqp` or `amqps`.
        public static let invalidPort = Code(description: "invalidPort")
        /// The path contains a zero byte, which proton does not allow in an AMQP address.
        public static let invalidPath = Code(description: "invalidPath")
    }

    /// The kind of the mistake.
    public let code: Code

    /// The position of the mistake, in UTF-8 bytes from the start of the text.
    public let offset: Int

    /// A sentence for people: what is wrong, and how to correct it.
    public let message: String

    package init(code: Code, offset: Int, message: String) {
        (self.code, self.offset, self.message) = (code, offset, message)
    }

    /// The message with the offset.
    public var description: String { "invalid AMQP URL: \(message) (at byte \(offset))" }
}

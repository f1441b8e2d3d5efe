// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What is wrong with the text of a URL, where, and how to write it right.
///
/// It holds nothing of the text itself but an unknown scheme, so it can be logged when the URL holds a password.
public struct AMQPURLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of a mistake in a URL.
    ///
    /// More codes may be added, so a `switch` over them needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code's name, the same as that of the constant.
        public let description: String

        /// The scheme is neither `amqp` nor `amqps`.
        public static let invalidScheme = Code(description: "invalidScheme")
        /// The user or the password is not correctly percent-encoded UTF-8, or holds a zero byte.
        public static let invalidUserInfo = Code(description: "invalidUserInfo")
        /// The host holds a character that no host has, or is an IPv6 address that is not well bracketed.
        public static let invalidHost = Code(description: "invalidHost")
        /// The port is neither a number from 0 to 65,535 nor `amqp` or `amqps`.
        public static let invalidPort = Code(description: "invalidPort")
        /// The path holds a zero byte, which no AMQP address of proton can.
        public static let invalidPath = Code(description: "invalidPath")
    }

    /// The kind of the mistake.
    public let code: Code

    /// Where the mistake is: the number of UTF-8 bytes of the text that stand before it.
    public let offset: Int

    /// What is wrong and how to write it right, a sentence for people.
    public let message: String

    package init(code: Code, offset: Int, message: String) {
        (self.code, self.offset, self.message) = (code, offset, message)
    }

    /// The message with the offset.
    public var description: String { "invalid AMQP URL: \(message) (at byte \(offset))" }
}

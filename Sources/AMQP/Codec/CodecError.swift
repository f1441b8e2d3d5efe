// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What is wrong with bytes that should be AMQP, or with a value that cannot be encoded.
public struct CodecError: Error, Sendable, Hashable {
    /// A kind of error; more may come.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The name of the kind.
        public let description: String

        /// The bytes end before the value does.
        public static let truncated = Code(description: "truncated")
        /// A byte, size, count, field or text that AMQP does not allow.
        public static let malformed = Code(description: "malformed")
        /// More than the limits allow: too deep, too many values, too large.
        public static let limitExceeded = Code(description: "limit exceeded")
    }

    /// The kind of error.
    public let code: Code

    /// Where the problem is, in bytes from the start of what was decoded; in encoding, how much had been written.
    public let offset: Int

    /// What is wrong, in words.
    public let message: String

    @inline(never)
    init(_ code: Code, at offset: Int, _ message: String) {
        self.code = code
        self.offset = offset
        self.message = message
    }
}

extension CodecError: CustomStringConvertible {
    /// What is wrong, and where.
    public var description: String { "\(message) (at byte \(offset))" }
}

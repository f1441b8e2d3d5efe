// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The error for bytes that are not valid AMQP, or for a value that cannot be encoded.
public struct CodecError: Error, Sendable, Hashable {
    /// A kind of error; new kinds may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The name of the kind.
        public let description: String

        /// The bytes end before the end of the value.
        public static let truncated = Code(description: "truncated")
        /// A byte, size, count, field or text that AMQP does not allow.
        public static let malformed = Code(description: "malformed")
        /// A limit is exceeded: too deep, too many values, or too large.
        public static let limitExceeded = Code(description: "limit exceeded")
    }

    /// The kind of error.
    public let code: Code

    /// The position of the problem: when decoding, bytes from the start of the input; when encoding, bytes written so far.
    public let offset: Int

    /// The problem as a text.
    public let message: String

    @inline(never)
    init(_ code: Code, at offset: Int, _ message: String) {
        self.code = code
        self.offset = offset
        self.message = message
    }
}

extension CodecError: CustomStringConvertible {
    /// The problem and its position.
    public var description: String { "\(message) (at byte \(offset))" }
}

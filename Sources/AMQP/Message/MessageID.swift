// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The identifier of a message: a number, a UUID, bytes or a text (Messaging, sections 3.2.11 to 3.2.14).
///
/// Literals make numbers and texts: `Message(id: 1)`, `Message(id: "order-17")`. For a variable, write `MessageID(…)`.
///
/// Texts compare by their UTF-8.
public enum MessageID: Sendable, Hashable {
    /// A number.
    case ulong(UInt64)
    /// A universally unique identifier.
    case uuid(AMQPUUID)
    /// Bytes.
    case binary([UInt8])
    /// A text.
    case string(String)

    /// Creates a number from any integer; a value outside the range of a `ulong` becomes the nearest one, so that negative ones
    /// become 0.
    @inlinable public init(_ value: some BinaryInteger) { self = .ulong(UInt64(clamping: value)) }
    /// Creates an identifier of a UUID.
    public init(_ value: AMQPUUID) { self = .uuid(value) }
    /// Creates an identifier of bytes.
    public init(_ value: [UInt8]) { self = .binary(value) }
    /// Creates an identifier of a text.
    public init(_ value: String) { self = .string(value) }

    /// The number, or nil if the identifier has another type.
    public var ulongValue: UInt64? {
        if case .ulong(let value) = self { value } else { nil }
    }

    /// The number as an `Int`, or nil if the identifier has another type or does not fit.
    public var intValue: Int? { ulongValue.flatMap(Int.init(exactly:)) }

    /// The text, or nil if the identifier has another type.
    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The identifier as a value.
    public var value: AMQPValue {
        switch self {
        case .ulong(let value): .ulong(value)
        case .uuid(let value): .uuid(value)
        case .binary(let value): .binary(value)
        case .string(let value): .string(value)
        }
    }
}

extension MessageID {
    /// Whether two identifiers have the same type and content; texts compare by their UTF-8.
    public static func == (a: MessageID, b: MessageID) -> Bool {
        switch (a, b) {
        case (.ulong(let a), .ulong(let b)): a == b
        case (.uuid(let a), .uuid(let b)): a == b
        case (.binary(let a), .binary(let b)): a == b
        case (.string(let a), .string(let b)): a.hasSameBytes(as: b)
        default: false
        }
    }

    /// Feeds the type and the content to a hasher.
    public func hash(into hasher: inout Hasher) { value.hash(into: &hasher) }
}

extension MessageID: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    /// An integer literal is a number.
    public init(integerLiteral value: UInt64) { self = .ulong(value) }
    /// A string literal is a text.
    public init(stringLiteral value: String) { self = .string(value) }
}

extension MessageID: CustomStringConvertible {
    /// The identifier as the Python binding prints it, except that a number is shown without its type: `17`, `order-17`.
    public var description: String {
        if case .ulong(let value) = self { "\(value)" } else { value.description }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The key of an annotation: a symbol, or one of the numbers reserved by AMQP (Messaging, section 3.2.10).
///
/// A string literal is a symbol: `annotations["x-opt-delay"]`.
public enum AnnotationKey: Sendable, Hashable {
    /// A name; those of applications begin with `x-opt-`.
    case symbol(Symbol)
    /// A number.
    case ulong(UInt64)

    /// Creates the key from a value, or nil if the value is neither a `symbol` nor a `ulong`.
    public init?(_ value: AMQPValue) {
        switch value {
        case .symbol(let symbol): self = .symbol(symbol)
        case .ulong(let number): self = .ulong(number)
        default: return nil
        }
    }

    /// The key as a value.
    public var value: AMQPValue {
        switch self {
        case .symbol(let symbol): .symbol(symbol)
        case .ulong(let number): .ulong(number)
        }
    }
}

extension AnnotationKey: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    /// A string literal is a symbol.
    public init(stringLiteral value: String) { self = .symbol(Symbol(value)) }
    /// An integer literal is a number.
    public init(integerLiteral value: UInt64) { self = .ulong(value) }
}

extension AnnotationKey: CustomStringConvertible {
    /// The key as the Python binding prints it.
    public var description: String { value.description }
}

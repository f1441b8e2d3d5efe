// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A type that corresponds to an AMQP type, and that the encoder and decoder use unchanged.
protocol ExactAMQPType: AMQPValueConvertible {
    /// Creates the value of this type for an AMQP value; `nil` if there is none.
    init?(amqp value: AMQPValue)
}

extension AMQPValue {
    /// Whether the value is of one of the eight integer types.
    var isInteger: Bool {
        switch self {
        case .ubyte, .ushort, .uint, .ulong, .byte, .short, .int, .long: true
        default: false
        }
    }

    /// A float or a double, rounded where needed, or an integer that the type holds exactly.
    ///
    /// A finite number never becomes an infinite one.
    fileprivate func floatingPoint<T: BinaryFloatingPoint>() -> T? {
        let double: Double
        switch self {
        case .float(let value): return T(value)
        case .double(let value): double = value
        case .ulong(let value): return T(exactly: value)
        default: return integer(as: Int64.self).flatMap { T(exactly: $0) }
        }
        let rounded = T(double)
        return rounded.isInfinite && double.isFinite ? nil : rounded
    }
}

extension Bool: ExactAMQPType {
    init?(amqp value: AMQPValue) {
        guard case .boolean(let boolean) = value else { return nil }
        self = boolean
    }
}

/// An integer type of Swift, which takes AMQP integers of any width that fit.
protocol ExactAMQPInteger: ExactAMQPType, FixedWidthInteger {}

extension ExactAMQPInteger {
    init?(amqp value: AMQPValue) {
        guard let integer = value.integer(as: Self.self) else { return nil }
        self = integer
    }
}

extension Int8: ExactAMQPInteger {}
extension Int16: ExactAMQPInteger {}
extension Int32: ExactAMQPInteger {}
extension Int64: ExactAMQPInteger {}
extension Int: ExactAMQPInteger {}
extension UInt8: ExactAMQPInteger {}
extension UInt16: ExactAMQPInteger {}
extension UInt32: ExactAMQPInteger {}
extension UInt64: ExactAMQPInteger {}
extension UInt: ExactAMQPInteger {}

extension Float: ExactAMQPType {
    init?(amqp value: AMQPValue) {
        guard let number: Self = value.floatingPoint() else { return nil }
        self = number
    }
}

extension Double: ExactAMQPType {
    init?(amqp value: AMQPValue) {
        guard let number: Self = value.floatingPoint() else { return nil }
        self = number
    }
}

extension String: ExactAMQPType {
    init?(amqp value: AMQPValue) {
        switch value {
        case .string(let text): self = text
        case .symbol(let symbol): self = symbol.name
        case .uuid(let uuid): self = uuid.description
        default: return nil
        }
    }
}

extension [UInt8]: ExactAMQPType {
    init?(amqp value: AMQPValue) {
        switch UnkeyedDecoding.Elements(value) {
        case .bytes(let bytes):
            self = bytes
        case .values(let values):
            let bytes = values.compactMap { UInt8(amqp: $0) }
            guard bytes.count == values.count else { return nil }
            self = bytes
        case nil:
            return nil
        }
    }
}

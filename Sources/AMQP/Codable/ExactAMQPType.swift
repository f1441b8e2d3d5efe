/// A type that stands for an AMQP type, and which the Codable bridge need not take apart.
protocol ExactAMQPType {
    /// The value as AMQP has it.
    var amqpValue: AMQPValue { get }

    /// The value of this type that the AMQP value stands for; `nil` when there is none.
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
    var amqpValue: AMQPValue { .boolean(self) }

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

extension Int8: ExactAMQPInteger {
    var amqpValue: AMQPValue { .byte(self) }
}

extension Int16: ExactAMQPInteger {
    var amqpValue: AMQPValue { .short(self) }
}

extension Int32: ExactAMQPInteger {
    var amqpValue: AMQPValue { .int(self) }
}

extension Int64: ExactAMQPInteger {
    var amqpValue: AMQPValue { .long(self) }
}

extension Int: ExactAMQPInteger {
    var amqpValue: AMQPValue { .long(Int64(self)) }
}

extension UInt8: ExactAMQPInteger {
    var amqpValue: AMQPValue { .ubyte(self) }
}

extension UInt16: ExactAMQPInteger {
    var amqpValue: AMQPValue { .ushort(self) }
}

extension UInt32: ExactAMQPInteger {
    var amqpValue: AMQPValue { .uint(self) }
}

extension UInt64: ExactAMQPInteger {
    var amqpValue: AMQPValue { .ulong(self) }
}

extension UInt: ExactAMQPInteger {
    var amqpValue: AMQPValue { .ulong(UInt64(self)) }
}

extension Float: ExactAMQPType {
    var amqpValue: AMQPValue { .float(self) }

    init?(amqp value: AMQPValue) {
        guard let number: Self = value.floatingPoint() else { return nil }
        self = number
    }
}

extension Double: ExactAMQPType {
    var amqpValue: AMQPValue { .double(self) }

    init?(amqp value: AMQPValue) {
        guard let number: Self = value.floatingPoint() else { return nil }
        self = number
    }
}

extension String: ExactAMQPType {
    var amqpValue: AMQPValue { .string(self) }

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
    var amqpValue: AMQPValue { .binary(self) }

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

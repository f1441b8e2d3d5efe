// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Reading a value as a Swift type. Numbers convert between widths when the value fits; everything else is exact.

extension AMQPValue {
    /// The boolean, or nil when the value is of another type.
    public var boolValue: Bool? {
        if case .boolean(let value) = self { value } else { nil }
    }

    /// The value of any of the eight integer types, or nil when it is of another type or does not fit an `Int`.
    public var intValue: Int? { integer(as: Int.self) }

    /// The value of any of the eight integer types, or nil when it is of another type, negative, or too large.
    public var uintValue: UInt? { integer(as: UInt.self) }

    /// The value of any of the eight integer types, converted to the given integer type.
    ///
    /// - Returns: nil when the value is not an integer or does not fit.
    public func integer<T: FixedWidthInteger>(as type: T.Type = T.self) -> T? {
        switch self {
        case .ubyte(let value): T(exactly: value)
        case .ushort(let value): T(exactly: value)
        case .uint(let value): T(exactly: value)
        case .ulong(let value): T(exactly: value)
        case .byte(let value): T(exactly: value)
        case .short(let value): T(exactly: value)
        case .int(let value): T(exactly: value)
        case .long(let value): T(exactly: value)
        default: nil
        }
    }

    /// The value of a `float`, a `double`, or an integer that a `Double` holds exactly; nil for anything else.
    public var doubleValue: Double? {
        switch self {
        case .float(let value): Double(value)
        case .double(let value): value
        default: integer(as: Int64.self).flatMap(Double.init(exactly:))
        }
    }

    /// The text of a `string`, or nil when the value is of another type (a `symbol` has ``symbolValue``).
    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The symbol, or nil when the value is of another type.
    public var symbolValue: Symbol? {
        if case .symbol(let value) = self { value } else { nil }
    }

    /// The bytes of a `binary`, or nil when the value is of another type.
    public var binaryValue: [UInt8]? {
        if case .binary(let value) = self { value } else { nil }
    }

    /// The character, or nil when the value is of another type.
    public var charValue: Unicode.Scalar? {
        if case .char(let value) = self { value } else { nil }
    }

    /// The timestamp, or nil when the value is of another type.
    public var timestampValue: Timestamp? {
        if case .timestamp(let value) = self { value } else { nil }
    }

    /// The identifier, or nil when the value is of another type.
    public var uuidValue: AMQPUUID? {
        if case .uuid(let value) = self { value } else { nil }
    }

    /// The elements of a `list`, or nil when the value is of another type.
    public var listValue: [AMQPValue]? {
        if case .list(let value) = self { value } else { nil }
    }

    /// The map, or nil when the value is of another type.
    public var mapValue: AMQPMap? {
        if case .map(let value) = self { value } else { nil }
    }

    /// The array, or nil when the value is of another type.
    public var arrayValue: AMQPArray? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The described value, or nil when the value has no descriptor.
    public var describedValue: Described? {
        if case .described(let value) = self { value } else { nil }
    }
}

extension AMQPValue {
    /// The value that a map has for a string, or nil if there is no such key or the value is not a map.
    public subscript(_ key: String) -> AMQPValue? { self[key: .string(key)] }

    /// The value that a map has for a key of any type, or nil if there is no such key or the value is not a map.
    public subscript(key key: AMQPValue) -> AMQPValue? {
        if case .map(let map) = self { map[key] } else { nil }
    }

    /// The element of a list or an array at an index from 0, or nil if the index is out of range or the value is neither.
    public subscript(_ index: Int) -> AMQPValue? {
        switch self {
        case .list(let elements): elements.indices.contains(index) ? elements[index] : nil
        case .array(let array): array.elements.indices.contains(index) ? array.elements[index] : nil
        default: nil
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A value of any AMQP 1.0 type, which keeps its exact type when it is encoded and decoded (Types, section 1.6).
///
/// A value keeps the type that it had on the wire: a `uint` stays a `uint`. To read the exact type, match the case. To read the
/// value as a Swift type of any width, use the accessors such as ``intValue``. Literals build the usual types:
/// `["sequence": 1, "ok": true]` is a map of strings to a `long` and a `boolean`.
///
/// Two values are equal when they have the same type and content; `uint` 1 and `ulong` 1 differ, and maps compare in
/// order, as AMQP defines it. Texts compare by their UTF-8, and floats by bits, so that a NaN equals itself and 0.0 differs
/// from -0.0.
public enum AMQPValue: Sendable {
    /// No value.
    case null
    /// True or false.
    case boolean(Bool)
    /// An unsigned integer of 8 bits.
    case ubyte(UInt8)
    /// An unsigned integer of 16 bits.
    case ushort(UInt16)
    /// An unsigned integer of 32 bits.
    case uint(UInt32)
    /// An unsigned integer of 64 bits.
    case ulong(UInt64)
    /// A signed integer of 8 bits.
    case byte(Int8)
    /// A signed integer of 16 bits.
    case short(Int16)
    /// A signed integer of 32 bits.
    case int(Int32)
    /// A signed integer of 64 bits.
    case long(Int64)
    /// A floating point number of 32 bits (IEEE 754 binary32).
    case float(Float)
    /// A floating point number of 64 bits (IEEE 754 binary64).
    case double(Double)
    /// A decimal number of 32 bits, as opaque bits (IEEE 754 decimal32).
    case decimal32(Decimal32)
    /// A decimal number of 64 bits, as opaque bits (IEEE 754 decimal64).
    case decimal64(Decimal64)
    /// A decimal number of 128 bits, as opaque bits (IEEE 754 decimal128).
    case decimal128(Decimal128)
    /// A single Unicode character.
    case char(Unicode.Scalar)
    /// A point in time, in milliseconds.
    case timestamp(Timestamp)
    /// A universally unique identifier.
    case uuid(AMQPUUID)
    /// A sequence of octets.
    case binary([UInt8])
    /// A sequence of Unicode characters.
    case string(String)
    /// A name from a constrained domain, in ASCII.
    case symbol(Symbol)
    /// A sequence of values of any types.
    case list([AMQPValue])
    /// A sequence of pairs of distinct keys and their values.
    case map(AMQPMap)
    /// A sequence of values of one type.
    case array(AMQPArray)
    /// A value with a descriptor that says what it means.
    indirect case described(Described)
}

extension AMQPValue {
    /// The primitive type of the value, or nil for a described value.
    public var type: AMQPType? {
        switch self {
        case .null: .null
        case .boolean: .boolean
        case .ubyte: .ubyte
        case .ushort: .ushort
        case .uint: .uint
        case .ulong: .ulong
        case .byte: .byte
        case .short: .short
        case .int: .int
        case .long: .long
        case .float: .float
        case .double: .double
        case .decimal32: .decimal32
        case .decimal64: .decimal64
        case .decimal128: .decimal128
        case .char: .char
        case .timestamp: .timestamp
        case .uuid: .uuid
        case .binary: .binary
        case .string: .string
        case .symbol: .symbol
        case .list: .list
        case .map: .map
        case .array: .array
        case .described: nil
        }
    }

    /// Whether the value is null.
    public var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// Whether the value is a list, a map, an array, or a described value of one. Application properties cannot have these.
    @inline(__always)
    var isCompound: Bool {
        switch self {
        case .list, .map, .array: true
        case .described: describesCompound
        default: false
        }
    }

    @inline(never)
    private var describesCompound: Bool {
        var value = self
        while case .described(let described) = value { value = described.value }
        return switch value {
        case .list, .map, .array: true
        default: false
        }
    }
}

extension AMQPValue: Hashable {
    /// Whether two values have the same type and content.
    public static func == (a: AMQPValue, b: AMQPValue) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.boolean(let a), .boolean(let b)): a == b
        case (.ubyte(let a), .ubyte(let b)): a == b
        case (.ushort(let a), .ushort(let b)): a == b
        case (.uint(let a), .uint(let b)): a == b
        case (.ulong(let a), .ulong(let b)): a == b
        case (.byte(let a), .byte(let b)): a == b
        case (.short(let a), .short(let b)): a == b
        case (.int(let a), .int(let b)): a == b
        case (.long(let a), .long(let b)): a == b
        case (.float(let a), .float(let b)): a.bitPattern == b.bitPattern
        case (.double(let a), .double(let b)): a.bitPattern == b.bitPattern
        case (.decimal32(let a), .decimal32(let b)): a == b
        case (.decimal64(let a), .decimal64(let b)): a == b
        case (.decimal128(let a), .decimal128(let b)): a == b
        case (.char(let a), .char(let b)): a == b
        case (.timestamp(let a), .timestamp(let b)): a == b
        case (.uuid(let a), .uuid(let b)): a == b
        case (.binary(let a), .binary(let b)): a == b
        case (.string(let a), .string(let b)): a.hasSameBytes(as: b)
        case (.symbol(let a), .symbol(let b)): a == b
        case (.list(let a), .list(let b)): a == b
        case (.map(let a), .map(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.described(let a), .described(let b)): a == b
        default: false
        }
    }

    /// Feeds the type and the content to a hasher.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        switch self {
        case .null: break
        case .boolean(let v): hasher.combine(v)
        case .ubyte(let v): hasher.combine(v)
        case .ushort(let v): hasher.combine(v)
        case .uint(let v): hasher.combine(v)
        case .ulong(let v): hasher.combine(v)
        case .byte(let v): hasher.combine(v)
        case .short(let v): hasher.combine(v)
        case .int(let v): hasher.combine(v)
        case .long(let v): hasher.combine(v)
        case .float(let v): hasher.combine(v.bitPattern)
        case .double(let v): hasher.combine(v.bitPattern)
        case .decimal32(let v): hasher.combine(v)
        case .decimal64(let v): hasher.combine(v)
        case .decimal128(let v): hasher.combine(v)
        case .char(let v): hasher.combine(v)
        case .timestamp(let v): hasher.combine(v)
        case .uuid(let v): hasher.combine(v)
        case .binary(let v): hasher.combine(v)
        case .string(let v): v.hashBytes(into: &hasher)
        case .symbol(let v): hasher.combine(v)
        case .list(let v): hasher.combine(v)
        case .map(let v): hasher.combine(v)
        case .array(let v): hasher.combine(v)
        case .described(let v): hasher.combine(v)
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A Swift type whose values all have one AMQP type, so that they can be elements of an ``AMQPArray``.
public protocol AMQPArrayElement: AMQPValueConvertible {
    /// The type in AMQP.
    static var amqpType: AMQPType { get }
}

extension Bool: AMQPArrayElement {
    /// A `boolean`.
    @inlinable public var amqpValue: AMQPValue { .boolean(self) }
    /// `boolean`.
    @inlinable public static var amqpType: AMQPType { .boolean }
}

extension Int8: AMQPArrayElement {
    /// A `byte`.
    @inlinable public var amqpValue: AMQPValue { .byte(self) }
    /// `byte`.
    @inlinable public static var amqpType: AMQPType { .byte }
}

extension Int16: AMQPArrayElement {
    /// A `short`.
    @inlinable public var amqpValue: AMQPValue { .short(self) }
    /// `short`.
    @inlinable public static var amqpType: AMQPType { .short }
}

extension Int32: AMQPArrayElement {
    /// An `int`.
    @inlinable public var amqpValue: AMQPValue { .int(self) }
    /// `int`.
    @inlinable public static var amqpType: AMQPType { .int }
}

extension Int64: AMQPArrayElement {
    /// A `long`.
    @inlinable public var amqpValue: AMQPValue { .long(self) }
    /// `long`.
    @inlinable public static var amqpType: AMQPType { .long }
}

extension Int: AMQPArrayElement {
    /// A `long`.
    @inlinable public var amqpValue: AMQPValue { .long(Int64(self)) }
    /// `long`.
    @inlinable public static var amqpType: AMQPType { .long }
}

extension UInt8: AMQPArrayElement {
    /// A `ubyte`.
    @inlinable public var amqpValue: AMQPValue { .ubyte(self) }

    /// Bytes are a `binary`.
    @inlinable public static func amqpValue(of elements: [UInt8]) -> AMQPValue { .binary(elements) }
    /// `ubyte`.
    @inlinable public static var amqpType: AMQPType { .ubyte }
}

extension UInt16: AMQPArrayElement {
    /// A `ushort`.
    @inlinable public var amqpValue: AMQPValue { .ushort(self) }
    /// `ushort`.
    @inlinable public static var amqpType: AMQPType { .ushort }
}

extension UInt32: AMQPArrayElement {
    /// A `uint`.
    @inlinable public var amqpValue: AMQPValue { .uint(self) }
    /// `uint`.
    @inlinable public static var amqpType: AMQPType { .uint }
}

extension UInt64: AMQPArrayElement {
    /// A `ulong`.
    @inlinable public var amqpValue: AMQPValue { .ulong(self) }
    /// `ulong`.
    @inlinable public static var amqpType: AMQPType { .ulong }
}

extension UInt: AMQPArrayElement {
    /// A `ulong`.
    @inlinable public var amqpValue: AMQPValue { .ulong(UInt64(self)) }
    /// `ulong`.
    @inlinable public static var amqpType: AMQPType { .ulong }
}

extension Float: AMQPArrayElement {
    /// A `float`.
    @inlinable public var amqpValue: AMQPValue { .float(self) }
    /// `float`.
    @inlinable public static var amqpType: AMQPType { .float }
}

extension Double: AMQPArrayElement {
    /// A `double`.
    @inlinable public var amqpValue: AMQPValue { .double(self) }
    /// `double`.
    @inlinable public static var amqpType: AMQPType { .double }
}

extension Decimal32: AMQPArrayElement {
    /// A `decimal32`.
    @inlinable public var amqpValue: AMQPValue { .decimal32(self) }
    /// `decimal32`.
    @inlinable public static var amqpType: AMQPType { .decimal32 }
}

extension Decimal64: AMQPArrayElement {
    /// A `decimal64`.
    @inlinable public var amqpValue: AMQPValue { .decimal64(self) }
    /// `decimal64`.
    @inlinable public static var amqpType: AMQPType { .decimal64 }
}

extension Decimal128: AMQPArrayElement {
    /// A `decimal128`.
    @inlinable public var amqpValue: AMQPValue { .decimal128(self) }
    /// `decimal128`.
    @inlinable public static var amqpType: AMQPType { .decimal128 }
}

extension Unicode.Scalar: AMQPArrayElement {
    /// A `char`.
    @inlinable public var amqpValue: AMQPValue { .char(self) }
    /// `char`.
    @inlinable public static var amqpType: AMQPType { .char }
}

extension Timestamp: AMQPArrayElement {
    /// A `timestamp`.
    @inlinable public var amqpValue: AMQPValue { .timestamp(self) }
    /// `timestamp`.
    @inlinable public static var amqpType: AMQPType { .timestamp }
}

extension AMQPUUID: AMQPArrayElement {
    /// A `uuid`.
    @inlinable public var amqpValue: AMQPValue { .uuid(self) }
    /// `uuid`.
    @inlinable public static var amqpType: AMQPType { .uuid }
}

extension String: AMQPArrayElement {
    /// A `string`.
    @inlinable public var amqpValue: AMQPValue { .string(self) }
    /// `string`.
    @inlinable public static var amqpType: AMQPType { .string }
}

extension Substring: AMQPArrayElement {
    /// A `string`.
    @inlinable public var amqpValue: AMQPValue { .string(String(self)) }
    /// `string`.
    @inlinable public static var amqpType: AMQPType { .string }
}

extension Symbol: AMQPArrayElement {
    /// A `symbol`.
    @inlinable public var amqpValue: AMQPValue { .symbol(self) }
    /// `symbol`.
    @inlinable public static var amqpType: AMQPType { .symbol }
}

extension Array: AMQPArrayElement where Element == UInt8 {
    /// `binary`.
    @inlinable public static var amqpType: AMQPType { .binary }
}

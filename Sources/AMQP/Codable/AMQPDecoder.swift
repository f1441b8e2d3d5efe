// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Turns AMQP values into values of any `Decodable` type.
///
/// ```swift
/// let order = try AMQPDecoder().decode(Order.self, from: value)
/// ```
///
/// It decodes the values that `AMQPEncoder` makes, and the corresponding values of programs in other languages:
/// - any integer type of Swift takes any AMQP integer that fits in it; `Double` and `Float` take both AMQP types, rounded
///   where needed, and integers that they can hold exactly;
/// - `String` takes string and symbol, and a uuid in its text form;
/// - `[UInt8]` and Foundation's `Data` take binary, and lists and arrays of integers that fit;
/// - keyed types take maps with keys of the types string, symbol, or an integer, and ignore other keys;
/// - lists and arrays are the same to unkeyed types;
/// - `nil` is null or a missing key;
/// - `AMQPValue` takes anything, as it is.
public struct AMQPDecoder: Sendable {
    /// The `userInfo` of the decoder that the `Decodable` types receive; empty by default.
    public var userInfo: [CodingUserInfoKey: any Sendable] = [:]

    /// The maximum nesting of maps and lists, 64 by default.
    public var depthLimit = 64

    /// Creates a decoder with the default options.
    public init() {}

    /// Decodes a value of the type.
    ///
    /// - Throws: `DecodingError` with the coding path if the value or a part of it is missing, has another type, does not fit, or
    ///   is nested deeper than `depthLimit`; and any error that the `init(from:)` of the types throws.
    public func decode<T: Decodable>(_ type: T.Type, from value: AMQPValue) throws -> T {
        try DecodingContext(options: self, depth: 0).decode(type, from: value, at: .root)
    }
}

/// The options of a decoder or container, and its depth.
struct DecodingContext {
    let options: AMQPDecoder
    /// The number of containers around the value.
    let depth: Int

    func decode<T: Decodable>(_ type: T.Type, from value: AMQPValue, at path: CodingPath) throws -> T {
        guard let exactType = type as? any ExactAMQPType.Type else {
            if T.self == Int128.self || T.self == UInt128.self {
                throw DecodingError.typeMismatch(
                    type, .init(codingPath: path.keys, debugDescription: "AMQP 1.0 has no 128-bit integers"))
            }
            return try T(from: ValueDecoder(value: value, path: path, context: self))
        }
        guard let decoded = exactType.init(amqp: value) as? T else {
            throw mismatch(type, value, at: path)
        }
        return decoded
    }

    /// The context of the elements of a container at this depth.
    func inContainer(at path: CodingPath) throws -> DecodingContext {
        guard depth < options.depthLimit else {
            throw DecodingError.dataCorrupted(
                .init(
                    codingPath: path.keys,
                    debugDescription: "more than \(options.depthLimit) maps and lists are nested"))
        }
        return DecodingContext(options: options, depth: depth + 1)
    }

    /// The error for a value that does not have the type.
    func mismatch(_ type: Any.Type, _ value: AMQPValue, at path: CodingPath) -> DecodingError {
        if case .null = value {
            return .valueNotFound(type, .init(codingPath: path.keys, debugDescription: "\(type) expected, null found"))
        }
        if type is any FixedWidthInteger.Type, value.isInteger {
            return .dataCorrupted(
                .init(codingPath: path.keys, debugDescription: "\(value) does not fit in \(type)"))
        }
        return .typeMismatch(
            type,
            .init(
                codingPath: path.keys,
                debugDescription: "\(type) expected, \(value.type.map { "\($0)" } ?? "described value") found"))
    }
}

/// The decoder that the `init(from:)` of a `Decodable` type receives.
struct ValueDecoder: Decoder {
    let value: AMQPValue
    let path: CodingPath
    let context: DecodingContext

    var codingPath: [any CodingKey] { path.keys }
    var userInfo: [CodingUserInfoKey: Any] { context.options.userInfo }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .map(let map) = value else {
            throw context.mismatch([String: AMQPValue].self, value, at: path)
        }
        return KeyedDecodingContainer(
            KeyedDecoding<Key>(map: map, path: path, context: try context.inContainer(at: path)))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard let elements = UnkeyedDecoding.Elements(value) else {
            throw context.mismatch([AMQPValue].self, value, at: path)
        }
        return UnkeyedDecoding(elements: elements, path: path, context: try context.inContainer(at: path))
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }
}

extension ValueDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool {
        if case .null = value { true } else { false }
    }

    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try context.decode(type, from: value, at: path)
    }
}

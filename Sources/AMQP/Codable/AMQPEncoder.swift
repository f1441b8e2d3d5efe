// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Turns values of any `Encodable` type into AMQP values.
///
/// ```swift
/// struct Order: Codable {
///     var item: String
///     var count: Int32
///     var note: String?
/// }
/// let value = try AMQPEncoder().encode(Order(item: "pen", count: 3))  // {'item': 'pen', 'count': int(3)}
/// ```
///
/// | Swift | AMQP 1.0 type (part 1, section 1.6) |
/// | --- | --- |
/// | `Bool`, `Float`, `Double`, `String` | boolean, float, double, string |
/// | `Int8`, `Int16`, `Int32`, `Int64` and `Int` | byte, short, int, long |
/// | `UInt8`, `UInt16`, `UInt32`, `UInt64` and `UInt` | ubyte, ushort, uint, ulong |
/// | `[UInt8]`, Foundation's `Data` | binary |
/// | `AMQPValue`, `AMQPMap`, `Symbol`, `Timestamp`, `AMQPUUID`, … | what they are |
/// | structs, classes, enums with payloads, dictionaries with string or integer keys | map with string keys, in order |
/// | arrays, sets, other dictionaries | list |
/// | enums with raw values | the raw value |
/// | `nil` | no entry in a map, null in a list |
///
/// Foundation's `Date` encodes itself as seconds in a double; `Timestamp` is the type to use instead.
public struct AMQPEncoder: Sendable {
    /// The `userInfo` of the encoder that the `Encodable` types receive; empty by default.
    public var userInfo: [CodingUserInfoKey: any Sendable] = [:]

    /// The maximum nesting of maps and lists, 64 by default; decoders accept the same by default.
    public var depthLimit = 64

    /// Creates an encoder with the default options.
    public init() {}

    /// Encodes a value.
    ///
    /// - Throws: `EncodingError` with the coding path if values nest deeper than `depthLimit`, contain a 128-bit integer or
    ///   encode nothing; and any error that the `encode(to:)` of the types throws.
    public func encode(_ value: some Encodable) throws -> AMQPValue {
        try EncodingContext(options: self, path: .root, depth: 0).encode(value, at: .root)
    }
}

/// The position of an encoder or container in the value, and its options.
struct EncodingContext {
    let options: AMQPEncoder
    let path: CodingPath
    /// The number of containers around the value.
    let depth: Int

    func encode<T: Encodable>(_ value: T, at path: CodingPath) throws -> AMQPValue {
        if let exact = value as? any ExactAMQPType {
            return exact.amqpValue
        }
        if T.self == Int128.self || T.self == UInt128.self {
            throw failure(value, at: path, "AMQP 1.0 has no 128-bit integers")
        }
        let encoder = ValueEncoder(context: EncodingContext(options: options, path: path, depth: depth))
        try value.encode(to: encoder)
        guard let encoded = try encoder.finished() else {
            throw failure(value, at: path, "\(T.self) encoded nothing")
        }
        return encoded
    }

    func failure(_ value: Any, at path: CodingPath, _ message: String) -> EncodingError {
        .invalidValue(value, .init(codingPath: path.keys, debugDescription: message))
    }

    /// The storage of a map one level deeper. It fails at its first use if that is too deep.
    func mapStorage(at path: CodingPath, failure: EncodingError? = nil) -> MapStorage {
        let context = EncodingContext(options: options, path: path, depth: depth + 1)
        return MapStorage(context: context, failure: failure ?? context.excess)
    }

    /// The storage of a list one level deeper. It fails at its first use if that is too deep.
    func listStorage(at path: CodingPath, failure: EncodingError? = nil) -> ListStorage {
        let context = EncodingContext(options: options, path: path, depth: depth + 1)
        return ListStorage(context: context, failure: failure ?? context.excess)
    }

    private var excess: EncodingError? {
        guard depth > options.depthLimit else { return nil }
        return failure(
            Optional<AMQPValue>.none as Any, at: path,
            "more than \(options.depthLimit) maps and lists are nested; raise the encoder's and the receiver's limit")
    }
}

/// The encoder that the `encode(to:)` of an `Encodable` type receives.
final class ValueEncoder: Encoder {
    private enum Content {
        case nothing
        case value(AMQPValue)
        case list(ListStorage)
        case map(MapStorage)
    }

    private let context: EncodingContext
    private var content = Content.nothing

    init(context: EncodingContext) {
        self.context = context
    }

    var codingPath: [any CodingKey] { context.path.keys }
    var userInfo: [CodingUserInfoKey: Any] { context.options.userInfo }

    /// The encoded value; `nil` if nothing was encoded.
    func finished() throws -> AMQPValue? {
        switch content {
        case .nothing: nil
        case .value(let value): value
        case .list(let storage): try storage.finished()
        case .map(let storage): try storage.finished()
        }
    }

    // A second request for the same kind of container continues the first one, because classes and their superclasses need it. A
    // request for another kind is a mistake in the type's `encode(to:)`; that container fails when it is used.

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        let storage: MapStorage
        switch content {
        case .map(let existing): storage = existing
        case .nothing: storage = context.mapStorage(at: context.path)
        case .list, .value: storage = context.mapStorage(at: context.path, failure: secondContainer)
        }
        content = .map(storage)
        return KeyedEncodingContainer(KeyedEncoding<Key>(storage: storage))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        let storage: ListStorage
        switch content {
        case .list(let existing): storage = existing
        case .nothing: storage = context.listStorage(at: context.path)
        case .map, .value: storage = context.listStorage(at: context.path, failure: secondContainer)
        }
        content = .list(storage)
        return UnkeyedEncoding(storage: storage)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    private var secondContainer: EncodingError {
        context.failure(
            Optional<AMQPValue>.none as Any, at: context.path, "one value asked for two different kinds of container")
    }
}

extension ValueEncoder: SingleValueEncodingContainer {
    func encodeNil() throws {
        try store(.null)
    }

    func encode<T: Encodable>(_ value: T) throws {
        try store(try context.encode(value, at: context.path))
    }

    /// Stores the value, which must be the only one.
    func store(_ value: AMQPValue) throws {
        guard case .nothing = content else { throw secondContainer }
        content = .value(value)
    }
}

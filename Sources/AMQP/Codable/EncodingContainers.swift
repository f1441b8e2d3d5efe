// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// An element of a container that is being encoded: complete, or still open to additions.
enum EncodedElement {
    case value(AMQPValue)
    case list(ListStorage)
    case map(MapStorage)
    case encoder(ValueEncoder)

    /// The element's value; null if an encoder was requested for the element and not used.
    func finished() throws -> AMQPValue {
        switch self {
        case .value(let value): value
        case .list(let storage): try storage.finished()
        case .map(let storage): try storage.finished()
        case .encoder(let encoder): try encoder.finished() ?? .null
        }
    }
}

/// The storage of the entries that the keyed containers of one value encode.
final class MapStorage {
    let context: EncodingContext
    /// The error that makes the container unusable, thrown at its first use.
    private let failure: EncodingError?
    private var entries: [(String, EncodedElement)] = []

    init(context: EncodingContext, failure: EncodingError?) {
        self.context = context
        self.failure = failure
    }

    func checkUsable() throws {
        if let failure { throw failure }
    }

    func append(_ name: String, _ element: EncodedElement) {
        entries.append((name, element))
    }

    func finished() throws -> AMQPValue {
        try checkUsable()
        // A key that was set twice keeps its place and has the last value.
        return .map(AMQPMap(try entries.map { (.string($0), try $1.finished()) }))
    }
}

/// The storage of the elements that the unkeyed containers of one value encode.
final class ListStorage {
    private enum Content {
        /// Bytes that were encoded in one call, as Foundation's `Data` does, and no other elements.
        case bytes([UInt8])
        case elements([EncodedElement])
    }

    let context: EncodingContext
    /// The error that makes the container unusable, thrown at its first use.
    private let failure: EncodingError?
    private var content = Content.elements([])

    init(context: EncodingContext, failure: EncodingError?) {
        self.context = context
        self.failure = failure
    }

    var count: Int {
        switch content {
        case .bytes(let bytes): bytes.count
        case .elements(let elements): elements.count
        }
    }

    /// The path of the next element.
    var nextPath: CodingPath { .child(of: context.path, IndexKey(count)) }

    func checkUsable() throws {
        if let failure { throw failure }
    }

    func append(_ element: EncodedElement) {
        var elements: [EncodedElement]
        switch content {
        case .bytes(let bytes): elements = bytes.map { .value(.ubyte($0)) }
        case .elements(let existing): elements = existing
        }
        content = .elements([])  // `elements` is now the only owner of its storage: no copy.
        elements.append(element)
        content = .elements(elements)
    }

    func append(contentsOf bytes: [UInt8]) {
        if count == 0 {
            content = .bytes(bytes)
        } else {
            for byte in bytes {
                append(.value(.ubyte(byte)))
            }
        }
    }

    func finished() throws -> AMQPValue {
        try checkUsable()
        switch content {
        case .bytes(let bytes): return .binary(bytes)
        case .elements(let elements): return .list(try elements.map { try $0.finished() })
        }
    }
}

/// A keyed container: entries of a map with string keys.
struct KeyedEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let storage: MapStorage

    var codingPath: [any CodingKey] { storage.context.path.keys }

    func encodeNil(forKey key: Key) throws {
        try storage.checkUsable()
        storage.append(key.stringValue, .value(.null))
    }

    func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        try storage.checkUsable()
        let context = storage.context
        storage.append(
            key.stringValue, .value(try context.encode(value, at: .child(of: context.path, key))))
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        let nested = storage.context.mapStorage(at: .child(of: storage.context.path, key))
        storage.append(key.stringValue, .map(nested))
        return KeyedEncodingContainer(KeyedEncoding<NestedKey>(storage: nested))
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        let nested = storage.context.listStorage(at: .child(of: storage.context.path, key))
        storage.append(key.stringValue, .list(nested))
        return UnkeyedEncoding(storage: nested)
    }

    func superEncoder() -> any Encoder {
        superEncoder(at: SuperKey())
    }

    func superEncoder(forKey key: Key) -> any Encoder {
        superEncoder(at: key)
    }

    private func superEncoder(at key: any CodingKey) -> any Encoder {
        let context = storage.context
        let encoder = ValueEncoder(
            context: EncodingContext(
                options: context.options, path: .child(of: context.path, key), depth: context.depth))
        storage.append(key.stringValue, .encoder(encoder))
        return encoder
    }
}

/// An unkeyed container: elements of a list.
struct UnkeyedEncoding: UnkeyedEncodingContainer {
    let storage: ListStorage

    var codingPath: [any CodingKey] { storage.context.path.keys }
    var count: Int { storage.count }

    func encodeNil() throws {
        try storage.checkUsable()
        storage.append(.value(.null))
    }

    func encode<T: Encodable>(_ value: T) throws {
        try storage.checkUsable()
        storage.append(.value(try storage.context.encode(value, at: storage.nextPath)))
    }

    func encode<T: Sequence>(contentsOf bytes: T) throws where T.Element == UInt8 {
        try storage.checkUsable()
        storage.append(contentsOf: Array(bytes))
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy keyType: NestedKey.Type
    ) -> KeyedEncodingContainer<NestedKey> {
        let nested = storage.context.mapStorage(at: storage.nextPath)
        storage.append(.map(nested))
        return KeyedEncodingContainer(KeyedEncoding<NestedKey>(storage: nested))
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        let nested = storage.context.listStorage(at: storage.nextPath)
        storage.append(.list(nested))
        return UnkeyedEncoding(storage: nested)
    }

    func superEncoder() -> any Encoder {
        let context = storage.context
        let encoder = ValueEncoder(
            context: EncodingContext(options: context.options, path: storage.nextPath, depth: context.depth))
        storage.append(.encoder(encoder))
        return encoder
    }
}

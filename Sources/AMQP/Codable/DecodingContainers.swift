// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A keyed container over a map's entries.
struct KeyedDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private var names = KeyIndex()
    private var values: [AMQPValue] = []
    private let path: CodingPath
    private let context: DecodingContext

    init(map: AMQPMap, path: CodingPath, context: DecodingContext) {
        self.path = path
        self.context = context
        values.reserveCapacity(map.count)
        for (key, value) in map {
            guard let name = Self.name(of: key) else { continue }
            names.append(name)
            values.append(value)
        }
    }

    /// The name of a map key, or nil if the key cannot be a coding key.
    private static func name(of key: AMQPValue) -> String? {
        switch key {
        case .string(let text): text
        case .symbol(let symbol): symbol.name
        case .ubyte, .ushort, .uint, .ulong, .byte, .short, .int, .long:
            key.intValue.map(String.init)
        default: nil
        }
    }

    var codingPath: [any CodingKey] { path.keys }

    var allKeys: [Key] { names.names.compactMap { Key(stringValue: $0) } }

    func contains(_ key: Key) -> Bool {
        position(of: key) != nil
    }

    func decodeNil(forKey key: Key) throws -> Bool {
        if case .null = try value(forKey: key) { true } else { false }
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        try context.decode(type, from: try value(forKey: key), at: .child(of: path, key))
    }

    func decodeIfPresent<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T? {
        guard let position = position(of: key) else { return nil }
        if case .null = values[position] { return nil }
        return try context.decode(type, from: values[position], at: .child(of: path, key))
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try decoder(try value(forKey: key), at: key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder(try value(forKey: key), at: key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder {
        let key = SuperKey()
        return decoder(names.position(of: key.stringValue).map { values[$0] } ?? .null, at: key)
    }

    func superDecoder(forKey key: Key) throws -> any Decoder {
        decoder(position(of: key).map { values[$0] } ?? .null, at: key)
    }

    private func decoder(_ value: AMQPValue, at key: any CodingKey) -> ValueDecoder {
        ValueDecoder(value: value, path: .child(of: path, key), context: context)
    }

    private func value(forKey key: Key) throws -> AMQPValue {
        guard let position = position(of: key) else {
            throw DecodingError.keyNotFound(
                key, .init(codingPath: path.keys, debugDescription: "the map has no entry for this key"))
        }
        return values[position]
    }

    private func position(of key: Key) -> Int? {
        names.position(of: key.stringValue)
    }
}

/// An unkeyed container over the elements of a list or an array, or over bytes.
struct UnkeyedDecoding: UnkeyedDecodingContainer {
    /// The elements of the container.
    enum Elements {
        case values([AMQPValue])
        case bytes([UInt8])

        /// The elements of a list, an array or a binary; `nil` for other values.
        init?(_ value: AMQPValue) {
            switch value {
            case .list(let elements): self = .values(elements)
            case .array(let array): self = .values(array.elements)
            case .binary(let bytes): self = .bytes(bytes)
            default: return nil
            }
        }

        var count: Int {
            switch self {
            case .values(let values): values.count
            case .bytes(let bytes): bytes.count
            }
        }

        subscript(index: Int) -> AMQPValue {
            switch self {
            case .values(let values): values[index]
            case .bytes(let bytes): .ubyte(bytes[index])
            }
        }
    }

    private let elements: Elements
    private let path: CodingPath
    private let context: DecodingContext
    private(set) var currentIndex = 0

    init(elements: Elements, path: CodingPath, context: DecodingContext) {
        self.elements = elements
        self.path = path
        self.context = context
    }

    var codingPath: [any CodingKey] { path.keys }
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex >= elements.count }

    mutating func decodeNil() throws -> Bool {
        guard case .null = try current(AMQPValue.self) else { return false }
        currentIndex += 1
        return true
    }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let decoded = try context.decode(type, from: try current(type), at: currentPath)
        currentIndex += 1
        return decoded
    }

    mutating func decodeIfPresent<T: Decodable>(_ type: T.Type) throws -> T? {
        if try isAtEnd || decodeNil() { return nil }
        return try decode(type)
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        let container = try decoder([String: AMQPValue].self).container(keyedBy: type)
        currentIndex += 1
        return container
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let container = try decoder([AMQPValue].self).unkeyedContainer()
        currentIndex += 1
        return container
    }

    mutating func superDecoder() throws -> any Decoder {
        let decoder = try decoder((any Decoder).self)
        currentIndex += 1
        return decoder
    }

    private func decoder(_ type: Any.Type) throws -> ValueDecoder {
        ValueDecoder(value: try current(type), path: currentPath, context: context)
    }

    private var currentPath: CodingPath { .child(of: path, IndexKey(currentIndex)) }

    private func current(_ type: Any.Type) throws -> AMQPValue {
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(
                type, .init(codingPath: currentPath.keys, debugDescription: "there are only \(elements.count) elements")
            )
        }
        return elements[currentIndex]
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton

@testable import AMQP

/// Proton's own codec, `pn_data_t`, as the judge over ours.
///
/// It reads and builds the tree node by node, so that nothing but proton's decoder and encoder touches the bytes. An
/// error leaves a `pn_data_t` unusable in 0.37, so each is used once.
final class OracleData {
    struct Failure: Error {
        let code: Int32
        let what: String
    }

    private let data: OpaquePointer?
    private let isOwned: Bool

    /// An empty tree.
    init() {
        data = pn_data(16)
        isOwned = true
    }

    /// A tree that belongs to a message, which must live longer.
    init(borrowing data: OpaquePointer?) {
        self.data = data
        isOwned = false
    }

    deinit {
        if isOwned { pn_data_free(data) }
    }

    /// The values that proton decodes from the bytes, one after the other.
    static func decode(_ bytes: [UInt8]) throws -> [AMQPValue] {
        let oracle = OracleData()
        try bytes.withUnsafeBytes { buffer in
            let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            var offset = 0
            while offset < buffer.count {
                let used = pn_data_decode(oracle.data, start.map { $0 + offset }, buffer.count - offset)
                guard used > 0 else { throw Failure(code: Int32(truncatingIfNeeded: used), what: "pn_data_decode") }
                offset += used
            }
        }
        return try oracle.values()
    }

    /// The bytes that proton encodes the value to.
    static func encode(_ value: AMQPValue) throws -> [UInt8] {
        let oracle = OracleData()
        try oracle.put(value)
        return try oracle.encoded()
    }

    func encoded() throws -> [UInt8] {
        let size = pn_data_encoded_size(data)
        guard size >= 0 else { throw Failure(code: Int32(truncatingIfNeeded: size), what: "pn_data_encoded_size") }
        var bytes = [CChar](repeating: 0, count: size)
        let used = pn_data_encode(data, &bytes, size)
        guard used == size else { throw Failure(code: Int32(truncatingIfNeeded: used), what: "pn_data_encode") }
        return bytes.map { UInt8(bitPattern: $0) }
    }

    // MARK: Reading

    /// The values at the top of the tree.
    func values() throws -> [AMQPValue] {
        pn_data_rewind(data)
        return try siblings()
    }

    private func siblings() throws -> [AMQPValue] {
        var values: [AMQPValue] = []
        while pn_data_next(data) { values.append(try current()) }
        return values
    }

    private func children() throws -> [AMQPValue] {
        guard pn_data_enter(data) else { throw Failure(code: 0, what: "pn_data_enter") }
        let children = try siblings()
        guard pn_data_exit(data) else { throw Failure(code: 0, what: "pn_data_exit") }
        return children
    }

    private func current() throws -> AMQPValue {
        switch pn_data_type(data) {
        case PN_NULL: return .null
        case PN_BOOL: return .boolean(pn_data_get_bool(data))
        case PN_UBYTE: return .ubyte(pn_data_get_ubyte(data))
        case PN_BYTE: return .byte(pn_data_get_byte(data))
        case PN_USHORT: return .ushort(pn_data_get_ushort(data))
        case PN_SHORT: return .short(pn_data_get_short(data))
        case PN_UINT: return .uint(pn_data_get_uint(data))
        case PN_INT: return .int(pn_data_get_int(data))
        case PN_ULONG: return .ulong(pn_data_get_ulong(data))
        case PN_LONG: return .long(pn_data_get_long(data))
        case PN_FLOAT: return .float(pn_data_get_float(data))
        case PN_DOUBLE: return .double(pn_data_get_double(data))
        case PN_TIMESTAMP: return .timestamp(Timestamp(milliseconds: pn_data_get_timestamp(data)))
        case PN_DECIMAL32: return .decimal32(Decimal32(bits: pn_data_get_decimal32(data)))
        case PN_DECIMAL64: return .decimal64(Decimal64(bits: pn_data_get_decimal64(data)))
        case PN_DECIMAL128:
            let (high, low) = withUnsafeBytes(of: pn_data_get_decimal128(data), Self.halves)
            return .decimal128(Decimal128(high: high, low: low))
        case PN_UUID:
            let (high, low) = withUnsafeBytes(of: pn_data_get_uuid(data), Self.halves)
            return .uuid(AMQPUUID(high: high, low: low))
        case PN_CHAR:
            guard let scalar = Unicode.Scalar(pn_data_get_char(data)) else { throw Failure(code: 0, what: "char") }
            return .char(scalar)
        case PN_BINARY: return .binary(Self.bytes(pn_data_get_binary(data)))
        case PN_STRING: return .string(try Self.text(pn_data_get_string(data)))
        case PN_SYMBOL: return .symbol(try Self.symbol(pn_data_get_symbol(data)))
        case PN_DESCRIBED:
            let parts = try children()
            guard parts.count == 2 else { throw Failure(code: 0, what: "described value of \(parts.count) parts") }
            return .described(Described(descriptor: parts[0], value: parts[1]))
        case PN_LIST: return .list(try children())
        case PN_MAP:
            let parts = try children()
            guard parts.count.isMultiple(of: 2) else { throw Failure(code: 0, what: "odd map") }
            return .map(AMQPMap(stride(from: 0, to: parts.count, by: 2).map { (parts[$0], parts[$0 + 1]) }))
        case PN_ARRAY:
            let number = pn_data_get_array_type(data)
            let isDescribed = pn_data_is_array_described(data)
            let parts = try children()
            guard let type = Self.types.first(where: { $0.value == number })?.key,
                let array = AMQPArray(
                    of: type, descriptors: isDescribed ? Array(parts.prefix(1)) : [],
                    Array(parts.dropFirst(isDescribed ? 1 : 0)))
            else { throw Failure(code: number.rawValue, what: "array") }
            return .array(array)
        case let type: throw Failure(code: type.rawValue, what: "type")
        }
    }

    // MARK: Building

    func put(_ value: AMQPValue) throws {
        let result: Int32
        switch value {
        case .null: result = pn_data_put_null(data)
        case .boolean(let value): result = pn_data_put_bool(data, value)
        case .ubyte(let value): result = pn_data_put_ubyte(data, value)
        case .byte(let value): result = pn_data_put_byte(data, value)
        case .ushort(let value): result = pn_data_put_ushort(data, value)
        case .short(let value): result = pn_data_put_short(data, value)
        case .uint(let value): result = pn_data_put_uint(data, value)
        case .int(let value): result = pn_data_put_int(data, value)
        case .ulong(let value): result = pn_data_put_ulong(data, value)
        case .long(let value): result = pn_data_put_long(data, value)
        case .float(let value): result = pn_data_put_float(data, value)
        case .double(let value): result = pn_data_put_double(data, value)
        case .timestamp(let value): result = pn_data_put_timestamp(data, value.milliseconds)
        case .decimal32(let value): result = pn_data_put_decimal32(data, value.bits)
        case .decimal64(let value): result = pn_data_put_decimal64(data, value.bits)
        case .decimal128(let value):
            var bits = pn_decimal128_t()
            withUnsafeMutableBytes(of: &bits) { Self.store(value.high, value.low, $0) }
            result = pn_data_put_decimal128(data, bits)
        case .uuid(let value):
            var bits = pn_uuid_t()
            withUnsafeMutableBytes(of: &bits) { Self.store(value.high, value.low, $0) }
            result = pn_data_put_uuid(data, bits)
        case .char(let value): result = pn_data_put_char(data, value.value)
        case .binary(let value): result = Self.withBytes(value) { pn_data_put_binary(data, $0) }
        case .string(let value): result = Self.withBytes(Array(value.utf8)) { pn_data_put_string(data, $0) }
        case .symbol(let value): result = Self.withBytes(Array(value.name.utf8)) { pn_data_put_symbol(data, $0) }
        case .list(let elements):
            result = pn_data_put_list(data)
            try put(children: elements)
        case .map(let map):
            result = pn_data_put_map(data)
            try put(children: map.flatMap { [$0.key, $0.value] })
        case .array(let array):
            guard array.descriptors.count <= 1 else { throw Failure(code: 0, what: "several descriptors") }
            result = pn_data_put_array(data, !array.descriptors.isEmpty, Self.types[array.elementType] ?? PN_NULL)
            try put(children: array.descriptors + array.elements)
        case .described(let value):
            result = pn_data_put_described(data)
            try put(children: [value.descriptor, value.value])
        }
        guard result == 0 else { throw Failure(code: result, what: "pn_data_put") }
    }

    private func put(children: [AMQPValue]) throws {
        guard pn_data_enter(data) else { throw Failure(code: 0, what: "pn_data_enter") }
        for child in children { try put(child) }
        guard pn_data_exit(data) else { throw Failure(code: 0, what: "pn_data_exit") }
    }

    // MARK: Parts

    private static let types: [AMQPType: pn_type_t] = [
        .null: PN_NULL, .boolean: PN_BOOL, .ubyte: PN_UBYTE, .byte: PN_BYTE, .ushort: PN_USHORT, .short: PN_SHORT,
        .uint: PN_UINT, .int: PN_INT, .ulong: PN_ULONG, .long: PN_LONG, .float: PN_FLOAT, .double: PN_DOUBLE,
        .timestamp: PN_TIMESTAMP, .decimal32: PN_DECIMAL32, .decimal64: PN_DECIMAL64, .decimal128: PN_DECIMAL128,
        .uuid: PN_UUID, .char: PN_CHAR, .binary: PN_BINARY, .string: PN_STRING, .symbol: PN_SYMBOL, .list: PN_LIST,
        .map: PN_MAP, .array: PN_ARRAY,
    ]

    static func bytes(_ bytes: pn_bytes_t) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: bytes.start, count: bytes.size))
    }

    static func text(_ bytes: pn_bytes_t) throws -> String {
        guard let text = String(validating: Self.bytes(bytes), as: UTF8.self) else {
            throw Failure(code: 0, what: "UTF-8")
        }
        return text
    }

    static func symbol(_ bytes: pn_bytes_t) throws -> Symbol {
        guard let symbol = Symbol(exactly: try text(bytes)) else { throw Failure(code: 0, what: "ASCII") }
        return symbol
    }

    static func withBytes<R>(_ bytes: [UInt8], _ body: (pn_bytes_t) -> R) -> R {
        bytes.withUnsafeBytes { body(pn_bytes($0.count, $0.baseAddress?.assumingMemoryBound(to: CChar.self))) }
    }

    static func halves(_ bytes: UnsafeRawBufferPointer) -> (UInt64, UInt64) {
        (
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }

    static func store(_ high: UInt64, _ low: UInt64, _ bytes: UnsafeMutableRawBufferPointer) {
        bytes.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
        bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// AMQP's own types inside of users' `Codable` types. `AMQPEncoder` and `AMQPDecoder` use them unchanged. Symbols, timestamps and
// UUIDs also have a form for other encoders, such as JSON's; the other types would lose their type there.

extension ExactAMQPType {
    /// Stores the value unchanged in the encoder of an `AMQPEncoder`.
    ///
    /// - Returns: false if it is another encoder.
    fileprivate func encodeExactly(to encoder: any Encoder) throws -> Bool {
        guard let encoder = encoder as? ValueEncoder else { return false }
        try encoder.store(amqpValue)
        return true
    }

    fileprivate func encodeOnlyExactly(to encoder: any Encoder) throws {
        guard try encodeExactly(to: encoder) else {
            throw EncodingError.invalidValue(
                self,
                .init(codingPath: encoder.codingPath, debugDescription: "only AMQPEncoder can encode \(Self.self)"))
        }
    }

    /// Takes the value unchanged from the decoder of an `AMQPDecoder`; `nil` if it is another decoder.
    fileprivate static func decodeExactly(from decoder: any Decoder) throws -> Self? {
        guard let decoder = decoder as? ValueDecoder else { return nil }
        guard let decoded = Self(amqp: decoder.value) else {
            throw decoder.context.mismatch(Self.self, decoder.value, at: decoder.path)
        }
        return decoded
    }

    fileprivate static func decodeOnlyExactly(from decoder: any Decoder) throws -> Self {
        guard let decoded = try decodeExactly(from: decoder) else {
            throw DecodingError.typeMismatch(
                self,
                .init(codingPath: decoder.codingPath, debugDescription: "only AMQPDecoder can decode \(Self.self)"))
        }
        return decoded
    }
}

extension Symbol: ExactAMQPType, Codable {
    init?(amqp value: AMQPValue) {
        switch value {
        case .symbol(let symbol): self = symbol
        case .string(let text): self.init(exactly: text)
        default: return nil
        }
    }

    /// Encodes a symbol; other encoders than `AMQPEncoder` get its name as a string.
    public func encode(to encoder: any Encoder) throws {
        guard try !encodeExactly(to: encoder) else { return }
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }

    /// Decodes a symbol or a string of ASCII characters.
    public init(from decoder: any Decoder) throws {
        if let exact = try Self.decodeExactly(from: decoder) {
            self = exact
            return
        }
        let container = try decoder.singleValueContainer()
        guard let symbol = Symbol(exactly: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "symbols are ASCII")
        }
        self = symbol
    }
}

extension Timestamp: ExactAMQPType, Codable {
    init?(amqp value: AMQPValue) {
        guard let timestamp = value.timestampValue else { return nil }
        self = timestamp
    }

    /// Encodes a timestamp; other encoders than `AMQPEncoder` get its milliseconds since 1970 as an integer.
    public func encode(to encoder: any Encoder) throws {
        guard try !encodeExactly(to: encoder) else { return }
        var container = encoder.singleValueContainer()
        try container.encode(milliseconds)
    }

    /// Decodes a timestamp; from other decoders than `AMQPDecoder`, an integer of milliseconds since 1970.
    public init(from decoder: any Decoder) throws {
        self =
            try Self.decodeExactly(from: decoder)
            ?? Timestamp(milliseconds: decoder.singleValueContainer().decode(Int64.self))
    }
}

extension AMQPUUID: ExactAMQPType, Codable {
    init?(amqp value: AMQPValue) {
        switch value {
        case .uuid(let uuid): self = uuid
        case .string(let text): self.init(text)
        default: return nil
        }
    }

    /// Encodes a uuid; other encoders than `AMQPEncoder` get its text of 36 characters as a string.
    public func encode(to encoder: any Encoder) throws {
        guard try !encodeExactly(to: encoder) else { return }
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// Decodes a uuid, or a string that is the text of one.
    public init(from decoder: any Decoder) throws {
        if let exact = try Self.decodeExactly(from: decoder) {
            self = exact
            return
        }
        let container = try decoder.singleValueContainer()
        guard let uuid = AMQPUUID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not the text of a UUID")
        }
        self = uuid
    }
}

extension AMQPValue: ExactAMQPType, Codable {
    init?(amqp value: AMQPValue) {
        self = value
    }

    /// Encodes a value as it is.
    ///
    /// - Throws: `EncodingError.invalidValue` for other encoders than `AMQPEncoder`.
    public func encode(to encoder: any Encoder) throws {
        try encodeOnlyExactly(to: encoder)
    }

    /// Decodes a value of any type.
    ///
    /// - Throws: `DecodingError.typeMismatch` for other decoders than `AMQPDecoder` and for other values.
    public init(from decoder: any Decoder) throws {
        self = try Self.decodeOnlyExactly(from: decoder)
    }
}

extension AMQPArray: ExactAMQPType, Codable {
    init?(amqp value: AMQPValue) {
        guard case .array(let exact) = value else { return nil }
        self = exact
    }

    /// Encodes an array as it is.
    ///
    /// - Throws: `EncodingError.invalidValue` for other encoders than `AMQPEncoder`.
    public func encode(to encoder: any Encoder) throws {
        try encodeOnlyExactly(to: encoder)
    }

    /// Decodes an array.
    ///
    /// - Throws: `DecodingError.typeMismatch` for other decoders than `AMQPDecoder` and for other values.
    public init(from decoder: any Decoder) throws {
        self = try Self.decodeOnlyExactly(from: decoder)
    }
}

extension Described: ExactAMQPType, Codable {
    init?(amqp value: AMQPValue) {
        guard case .described(let exact) = value else { return nil }
        self = exact
    }

    /// Encodes a described value as it is.
    ///
    /// - Throws: `EncodingError.invalidValue` for other encoders than `AMQPEncoder`.
    public func encode(to encoder: any Encoder) throws {
        try encodeOnlyExactly(to: encoder)
    }

    /// Decodes a described value.
    ///
    /// - Throws: `DecodingError.typeMismatch` for other decoders than `AMQPDecoder` and for other values.
    public init(from decoder: any Decoder) throws {
        self = try Self.decodeOnlyExactly(from: decoder)
    }
}

extension Decimal32: ExactAMQPType, Codable {
    init?(amqp value: AMQPValue) {
        guard case .decimal32(let exact) = value else { return nil }
        self = exact
    }

    /// Encodes a decimal32 as it is.
    ///
    /// - Throws: `EncodingError.invalidValue` for other encoders than `AMQPEncoder`.
    public func encode(to encoder: any Encoder) throws {
        try encodeOnlyExactly(to: encoder)
    }

    /// Decodes a decimal32.
    ///
    /// - Throws: `DecodingError.typeMismatch` for other decoders than `AMQPDecoder` and for other values.
    public init(from decoder: any Decoder) throws {
        self = try Self.decodeOnlyExactly(from: decoder)
    }
}

extension Decimal64: ExactAMQPType, Codable {
    init?(amqp value: AMQPValue) {
        guard case .decimal64(let exact) = value else { return nil }
        self = exact
    }

    /// Encodes a decimal64 as it is.
    ///
    /// - Throws: `EncodingError.invalidValue` for other encoders than `AMQPEncoder`.
    public func encode(to encoder: any Encoder) throws {
        try encodeOnlyExactly(to: encoder)
    }

    /// Decodes a decimal64.
    ///
    /// - Throws: `DecodingError.typeMismatch` for other decoders than `AMQPDecoder` and for other values.
    public init(from decoder: any Decoder) throws {
        self = try Self.decodeOnlyExactly(from: decoder)
    }
}

extension Decimal128: ExactAMQPType, Codable {
    init?(amqp value: AMQPValue) {
        guard case .decimal128(let exact) = value else { return nil }
        self = exact
    }

    /// Encodes a decimal128 as it is.
    ///
    /// - Throws: `EncodingError.invalidValue` for other encoders than `AMQPEncoder`.
    public func encode(to encoder: any Encoder) throws {
        try encodeOnlyExactly(to: encoder)
    }

    /// Decodes a decimal128.
    ///
    /// - Throws: `DecodingError.typeMismatch` for other decoders than `AMQPDecoder` and for other values.
    public init(from decoder: any Decoder) throws {
        self = try Self.decodeOnlyExactly(from: decoder)
    }
}

extension OrderedMap: ExactAMQPType where Key == AMQPValue {
    init?(amqp value: AMQPValue) {
        guard case .map(let exact) = value else { return nil }
        self = exact
    }
}

extension OrderedMap: Codable where Key == AMQPValue {
    /// Encodes a map as it is, in its order.
    ///
    /// - Throws: `EncodingError.invalidValue` for other encoders than `AMQPEncoder`.
    public func encode(to encoder: any Encoder) throws {
        try encodeOnlyExactly(to: encoder)
    }

    /// Decodes a map, in its order.
    ///
    /// - Throws: `DecodingError.typeMismatch` for other decoders than `AMQPDecoder` and for other values.
    public init(from decoder: any Decoder) throws {
        self = try Self.decodeOnlyExactly(from: decoder)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Message bodies of the user's own types.

extension Message {
    /// Creates a message whose body is the AMQP form of a value; see ``AMQPEncoder``.
    ///
    /// ```swift
    /// var message = try Message(encoding: Order(item: "pen", count: 3))
    /// message.subject = "orders"
    /// ```
    ///
    /// - Throws: `EncodingError`, and any error that the value's `encode(to:)` throws.
    public init(encoding value: some Encodable, encoder: AMQPEncoder = AMQPEncoder()) throws {
        self.init(body: try Body(encoding: value, encoder: encoder))
    }
}

extension Message.Body {
    /// Creates a body of one section with the AMQP form of a value; see ``AMQPEncoder``.
    ///
    /// - Throws: `EncodingError`, and any error that the value's `encode(to:)` throws.
    public init(encoding value: some Encodable, encoder: AMQPEncoder = AMQPEncoder()) throws {
        self = .value(try encoder.encode(value))
    }

    /// Decodes the body as a value of the type; see ``AMQPDecoder``.
    ///
    /// ```swift
    /// let order = try message.body.decode(Order.self)
    /// ```
    ///
    /// A body of data is decoded as a binary, and a body of sequences as a list; several sections are joined.
    ///
    /// - Throws: `DecodingError` with the path of a value that is missing, has another type or is too large, and any error that
    ///   the type's `init(from:)` throws.
    public func decode<T: Decodable>(_ type: T.Type = T.self, decoder: AMQPDecoder = AMQPDecoder()) throws -> T {
        try decoder.decode(type, from: value)
    }
}

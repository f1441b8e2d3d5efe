// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Message bodies of the user's own types.

extension Message {
    /// A message whose body is the AMQP form of a value; see ``AMQPEncoder``.
    ///
    /// ```swift
    /// var message = try Message(encoding: Order(item: "pen", count: 3))
    /// message.subject = "orders"
    /// ```
    ///
    /// - Throws: `EncodingError` and what the value's `encode(to:)` throws.
    public init(encoding value: some Encodable, encoder: AMQPEncoder = AMQPEncoder()) throws {
        self.init(body: try Body(encoding: value, encoder: encoder))
    }
}

extension Message.Body {
    /// A body of one section that holds the AMQP form of a value; see ``AMQPEncoder``.
    ///
    /// - Throws: `EncodingError` and what the value's `encode(to:)` throws.
    public init(encoding value: some Encodable, encoder: AMQPEncoder = AMQPEncoder()) throws {
        self = .value(try encoder.encode(value))
    }

    /// The body as a value of the type; see ``AMQPDecoder``.
    ///
    /// ```swift
    /// let order = try message.body.decode(Order.self)
    /// ```
    ///
    /// A body of data counts as a binary, a body of sequences as a list, several sections joined.
    ///
    /// - Throws: `DecodingError` with the path to what is missing, of another type or too large, and what the type's
    ///   `init(from:)` throws.
    public func decode<T: Decodable>(_ type: T.Type = T.self, decoder: AMQPDecoder = AMQPDecoder()) throws -> T {
        try decoder.decode(type, from: value)
    }
}

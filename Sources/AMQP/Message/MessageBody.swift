// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Message {
    /// The body of a message: one value, or sections of data or of sequences (Messaging, sections 3.2.6 to 3.2.8).
    ///
    /// Literals make values: `Message(body: "Hello World!")`, `Message(body: ["sequence": 1])`; and so do variables of the
    /// types that are ``AMQPValueConvertible``: `Message(body: text)`, `message.body = .init(text)`. Bytes as data, what
    /// the Python binding sends for `inferred=True`, are written `Message(body: .data(bytes))`.
    public enum Body: Sendable, Hashable {
        /// A single value of any type.
        case value(AMQPValue)
        /// Opaque bytes, in one section.
        case data([UInt8])
        /// A sequence of values, in one section.
        case sequence([AMQPValue])
        /// Opaque bytes in several sections; received bytes in a single one are ``data(_:)``.
        case dataSections([[UInt8]])
        /// Sequences of values in several sections; a single one received is ``sequence(_:)``.
        case sequenceSections([[AMQPValue]])

        /// A null value: what a message says that says nothing.
        public static let null = Body.value(.null)

        /// A value as body.
        public init(_ value: AMQPValue) { self = .value(value) }

        /// A Swift value as body: a text, a number, bytes and the like.
        @_disfavoredOverload
        @inlinable public init(_ value: some AMQPValueConvertible) { self = .value(value.amqpValue) }

        /// The body as one value: data is a `binary` and a sequence a `list`, several sections joined.
        public var value: AMQPValue {
            switch self {
            case .value(let value): value
            case .data(let bytes): .binary(bytes)
            case .sequence(let elements): .list(elements)
            case .dataSections(let sections): .binary(Array(sections.joined()))
            case .sequenceSections(let sections): .list(Array(sections.joined()))
            }
        }

        /// The bytes of a body of data, several sections joined, or of a `binary` value; nil for any other body.
        public var bytes: [UInt8]? {
            if case .data(let bytes) = self { bytes } else { value.binaryValue }
        }

        /// The text of a `string` value, or nil for any other body.
        public var stringValue: String? { value.stringValue }

        /// The value that a map has for a string, or nil when there is none or the body is no map.
        public subscript(_ key: String) -> AMQPValue? { value[key] }

        /// The element of a list, array or sequence at an index from 0, or nil when there is none.
        public subscript(_ index: Int) -> AMQPValue? { value[index] }
    }
}

extension Message.Body: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A boolean value.
    public init(booleanLiteral value: Bool) { self = .value(.boolean(value)) }
    /// A `long` value.
    public init(integerLiteral value: Int64) { self = .value(.long(value)) }
    /// A `double` value.
    public init(floatLiteral value: Double) { self = .value(.double(value)) }
    /// A `string` value.
    public init(stringLiteral value: String) { self = .value(.string(value)) }
    /// A `list` value.
    public init(arrayLiteral elements: AMQPValue...) { self = .value(.list(elements)) }
    /// A `map` value in the order written; a key that is repeated takes the last value.
    public init(dictionaryLiteral elements: (AMQPValue, AMQPValue)...) { self = .value(.map(AMQPMap(elements))) }
}

extension Message.Body: CustomStringConvertible {
    /// The body as the Python binding prints it: a string bare, bytes as `b'…'`.
    public var description: String { value.description }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Message {
    /// The body of a message: one value, or sections of data or of sequences (Messaging, sections 3.2.6 to 3.2.8).
    ///
    /// Literals make values: `Message(body: "Hello World!")`, `Message(body: ["sequence": 1])`. So do variables of types that are
    /// ``AMQPValueConvertible``: `Message(body: text)`, `message.body = .init(text)`. For bytes as data, which the Python binding
    /// sends for `inferred=True`, write `Message(body: .data(bytes))`.
    public enum Body: Sendable, Hashable {
        /// A single value of any type.
        case value(AMQPValue)
        /// Opaque bytes, in one section.
        case data([UInt8])
        /// A sequence of values, in one section.
        case sequence([AMQPValue])
        /// Opaque bytes in several sections; bytes received in a single section are ``data(_:)``.
        case dataSections([[UInt8]])
        /// Sequences of values in several sections; a sequence received in a single section is ``sequence(_:)``.
        case sequenceSections([[AMQPValue]])

        /// A null value: the body of a message without content.
        public static let null = Body.value(.null)

        /// Creates a body of one value.
        public init(_ value: AMQPValue) { self = .value(value) }

        /// Creates a body of a Swift value: a text, a number, bytes and so on.
        @_disfavoredOverload
        @inlinable public init(_ value: some AMQPValueConvertible) { self = .value(value.amqpValue) }

        /// The body as one value: data as a `binary` and a sequence as a `list`; several sections are joined.
        public var value: AMQPValue {
            switch self {
            case .value(let value): value
            case .data(let bytes): .binary(bytes)
            case .sequence(let elements): .list(elements)
            case .dataSections(let sections): .binary(Array(sections.joined()))
            case .sequenceSections(let sections): .list(Array(sections.joined()))
            }
        }

        /// The bytes of a body of data (several sections are joined) or of a `binary` value; nil for any other body.
        public var bytes: [UInt8]? {
            if case .data(let bytes) = self { bytes } else { value.binaryValue }
        }

        /// The text of a `string` value, or nil for any other body.
        public var stringValue: String? { value.stringValue }

        /// The value that a map has for a string, or nil if there is no such key or the body is not a map.
        public subscript(_ key: String) -> AMQPValue? { value[key] }

        /// The element of a list, array or sequence at an index from 0, or nil if there is none.
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
    /// A `map` value in the order written; a repeated key takes the last value.
    public init(dictionaryLiteral elements: (AMQPValue, AMQPValue)...) { self = .value(.map(AMQPMap(elements))) }
}

extension Message.Body: CustomStringConvertible {
    /// The body as the Python binding prints it: a string bare, bytes as `b'…'`.
    public var description: String { value.description }
}

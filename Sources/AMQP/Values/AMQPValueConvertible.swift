// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A Swift type whose values can be converted to AMQP values, so that variables can be put into messages directly.
///
/// ```swift
/// var message = Message(body: text)
/// message.properties["count"] = count
/// message.body = .init([name: price])
/// ```
///
/// An integer becomes the AMQP integer of its width and sign; `Int` and `UInt` become `long` and `ulong`. An array becomes a
/// `list`, except an array of bytes, which becomes a `binary`; ``AMQPArray`` is AMQP's own array. A dictionary becomes a `map` in
/// the order of its keys. An optional does not conform: leave an absent value out, and write a null as `AMQPValue.null`.
///
/// Foundation's `UUID`, `Date`, `Data`, `URL` and `Decimal` conform where `ProtonFoundation` is imported. Types of other modules
/// can be made to conform, such as `FilePath`:
///
/// ```swift
/// extension FilePath: @retroactive AMQPValueConvertible {
///     public var amqpValue: AMQPValue { .string(string) }
/// }
/// ```
public protocol AMQPValueConvertible {
    /// The value in AMQP.
    var amqpValue: AMQPValue { get }

    /// Several values in AMQP: a `list`, unless the type implements it otherwise.
    static func amqpValue(of elements: [Self]) -> AMQPValue
}

extension AMQPValueConvertible {
    /// A `list` of the values.
    @inlinable public static func amqpValue(of elements: [Self]) -> AMQPValue { .list(elements.map(\.amqpValue)) }
}

extension AMQPValue {
    /// Creates the AMQP value of a Swift value.
    @_disfavoredOverload
    @inlinable public init(_ value: some AMQPValueConvertible) { self = value.amqpValue }

    // Literals use these two initializers, because the one above is disfavored: a dictionary literal keeps its order here.

    /// A `list`.
    public init(_ elements: [AMQPValue]) { self = .list(elements) }
    /// A `map`.
    public init(_ map: AMQPMap) { self = .map(map) }
}

// MARK: - Collections

extension Array: AMQPValueConvertible where Element: AMQPValueConvertible {
    /// A `list`, or a `binary` if the elements are bytes.
    @inlinable public var amqpValue: AMQPValue { Element.amqpValue(of: self) }
}

extension Dictionary: AMQPValueConvertible where Key: AMQPValueConvertible, Value: AMQPValueConvertible {
    /// A `map` in the order of the keys.
    public var amqpValue: AMQPValue {
        // The order of a `Dictionary` differs from run to run, and between equal dictionaries.
        .map(AMQPMap(map { ($0.amqpValue, $1.amqpValue) }.sorted { AMQPValue.isKey($0.0, before: $1.0) }))
    }
}

extension OrderedMap {
    /// The pairs of a dictionary, in the order of the keys.
    public init(_ dictionary: [Key: some AMQPValueConvertible]) {
        let pairs = dictionary.map { ($0, $1.amqpValue) }
        self.init(repeating: pairs.sorted { AMQPValue.isKey($0.0.amqpValue, before: $1.0.amqpValue) })
    }
}

extension AMQPValue {
    /// An order of keys: numbers by size, texts by their bytes, anything else by how it is printed.
    fileprivate static func isKey(_ a: AMQPValue, before b: AMQPValue) -> Bool {
        switch (a, b) {
        case (.string(let a), .string(let b)): return a.utf8.lexicographicallyPrecedes(b.utf8)
        case (.symbol(let a), .symbol(let b)): return a < b
        default:
            if let a: Int64 = a.integer(), let b: Int64 = b.integer() { return a < b }
            return a.debugDescription.utf8.lexicographicallyPrecedes(b.debugDescription.utf8)
        }
    }
}

extension OrderedMap: AMQPValueConvertible {
    /// A `map` of the same pairs in the same order.
    public var amqpValue: AMQPValue { .map(AMQPMap(self)) }
}

// MARK: - AMQP's own types

extension AMQPValue: AMQPValueConvertible {
    /// The value itself.
    @inlinable public var amqpValue: AMQPValue { self }
}

extension AMQPArray: AMQPValueConvertible {
    /// An `array`.
    @inlinable public var amqpValue: AMQPValue { .array(self) }
}

extension Described: AMQPValueConvertible {
    /// A described value.
    @inlinable public var amqpValue: AMQPValue { .described(self) }
}

extension AnnotationKey: AMQPValueConvertible {
    /// A `symbol` or a `ulong`.
    @inlinable public var amqpValue: AMQPValue { value }
}

extension MessageID: AMQPValueConvertible {
    /// A `ulong`, a `uuid`, a `binary` or a `string`.
    @inlinable public var amqpValue: AMQPValue { value }
}

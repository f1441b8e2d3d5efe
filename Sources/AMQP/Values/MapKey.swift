// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The key of an ``OrderedMap``.
///
/// AMQP compares keys by their type and their bytes. Swift's `String` compares by canonical equivalence instead, so this protocol
/// defines how a type is compared as a key; other types use their `==` and their hash.
public protocol MapKey: AMQPValueConvertible, Sendable, Hashable {
    /// Whether two keys are the same.
    static func isSame(_ a: Self, _ b: Self) -> Bool

    /// Feeds the parts that ``isSame(_:_:)`` compares to a hasher.
    func hashKey(into hasher: inout Hasher)

    /// The key for a value, or nil if the value has another type.
    static func key(_ value: AMQPValue) -> Self?

    /// Whether lists, maps and arrays are allowed as values of a map with such keys.
    static var allowsCompounds: Bool { get }
}

extension MapKey {
    /// Whether two keys are equal.
    @inlinable public static func isSame(_ a: Self, _ b: Self) -> Bool { a == b }

    /// Feeds the key to a hasher.
    @inlinable public func hashKey(into hasher: inout Hasher) { hash(into: &hasher) }

    /// True by default.
    @inlinable public static var allowsCompounds: Bool { true }
}

extension String: MapKey {
    /// Whether two texts have the same UTF-8.
    @inlinable public static func isSame(_ a: String, _ b: String) -> Bool { a.hasSameBytes(as: b) }

    /// Feeds the UTF-8 to a hasher.
    public func hashKey(into hasher: inout Hasher) { hashBytes(into: &hasher) }

    /// The text of a `string`, or nil when the value is of another type.
    @inlinable public static func key(_ value: AMQPValue) -> String? { value.stringValue }

    /// Application properties are of simple types (Messaging, section 3.2.5).
    @inlinable public static var allowsCompounds: Bool { false }
}

extension AMQPValue: MapKey {
    /// The value itself.
    @inlinable public static func key(_ value: AMQPValue) -> AMQPValue? { value }
}

extension AnnotationKey: MapKey {
    /// A symbol or a number, or nil when the value is neither.
    @inlinable public static func key(_ value: AMQPValue) -> AnnotationKey? { AnnotationKey(value) }
}

/// A wrapper that makes a key usable as the key of a `Dictionary` or the element of a `Set`.
@usableFromInline struct HashedKey<Key: MapKey>: Hashable {
    @usableFromInline let key: Key

    @inlinable init(_ key: Key) { self.key = key }

    @inlinable static func == (a: HashedKey, b: HashedKey) -> Bool { Key.isSame(a.key, b.key) }

    @inlinable func hash(into hasher: inout Hasher) { key.hashKey(into: &hasher) }
}

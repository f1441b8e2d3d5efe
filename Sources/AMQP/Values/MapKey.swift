// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The key of an ``OrderedMap``.
///
/// AMQP compares keys by their type and their bytes. Swift's `String` compares what texts look like, and so it says here how
/// it is compared as a key; other types have their `==` and their hash.
public protocol MapKey: AMQPValueConvertible, Sendable, Hashable {
    /// Whether two keys are the same.
    static func isSame(_ a: Self, _ b: Self) -> Bool

    /// Feeds to a hasher what ``isSame(_:_:)`` compares.
    func hashKey(into hasher: inout Hasher)

    /// The key that a value is, or nil when the value is of another type.
    static func key(_ value: AMQPValue) -> Self?

    /// Whether the values of a map with such keys may be lists, maps and arrays.
    static var allowsCompounds: Bool { get }
}

extension MapKey {
    /// Whether two keys are equal.
    @inlinable public static func isSame(_ a: Self, _ b: Self) -> Bool { a == b }

    /// Feeds the key to a hasher.
    @inlinable public func hashKey(into hasher: inout Hasher) { hash(into: &hasher) }

    /// They may.
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

/// A key as the key of a `Dictionary` or the element of a `Set`.
@usableFromInline struct HashedKey<Key: MapKey>: Hashable {
    @usableFromInline let key: Key

    @inlinable init(_ key: Key) { self.key = key }

    @inlinable static func == (a: HashedKey, b: HashedKey) -> Bool { Key.isSame(a.key, b.key) }

    @inlinable func hash(into hasher: inout Hasher) { key.hashKey(into: &hasher) }
}

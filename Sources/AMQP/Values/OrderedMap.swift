// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A map that keeps the order of its pairs when it is encoded and decoded (Types, section 1.6.23).
///
/// AMQP uses maps with three types of keys: ``AMQPMap``, ``Annotations`` and ``ApplicationProperties``. Keys are distinct by type
/// and bytes: two strings that only look alike are two keys. Two maps are equal when they have the same pairs in the same order,
/// as AMQP defines it.
///
/// The map of a received message is a view of the message's bytes, and keeps all of them in memory. It decodes a pair each time
/// the pair is read. To keep the map for longer than a large message, copy it: `AMQPMap(message.properties)`.
///
/// Looking up a key compares the keys one after the other: for the small maps of messages this is faster than a hash table. For
/// lookups in a map of thousands of pairs, make a `Dictionary` of it first.
public struct OrderedMap<Key: MapKey>: Sendable {
    /// The pairs in their order, with distinct keys.
    @usableFromInline enum Pairs: Sendable {
        /// Decoded pairs, in an array.
        case made([(Key, AMQPValue)])
        /// The encoded pairs of a section of a message; at least one.
        case encoded(EncodedPairs)
    }

    @usableFromInline var pairs: Pairs

    /// An empty map.
    @inlinable public init() { pairs = .made([]) }

    /// Creates a map of pairs in their order; a repeated key keeps its place and takes the last value.
    @inlinable public init(_ elements: some Sequence<(Key, AMQPValue)>) {
        self.init(repeating: Array(elements))
    }

    /// Creates a map of pairs whose keys are known to be distinct.
    @inlinable init(distinct pairs: [(Key, AMQPValue)]) { self.pairs = .made(pairs) }

    /// Creates the map of a section of a message.
    init(_ encoded: EncodedPairs) { pairs = .encoded(encoded) }

    /// Creates a map of pairs whose keys may be repeated.
    @inlinable init(repeating elements: [(Key, AMQPValue)]) {
        // Comparing each key with each is fastest for a few pairs; for more, an index of the keys keeps the cost linear.
        if elements.count <= 16, Self.areDistinct(elements) {
            pairs = .made(elements)
            return
        }
        var distinct: [(Key, AMQPValue)] = []
        distinct.reserveCapacity(elements.count)
        var places: [HashedKey<Key>: Int] = [:]
        for (key, value) in elements {
            if let place = places[HashedKey(key)] {
                distinct[place].1 = value
            } else {
                places[HashedKey(key)] = distinct.count
                distinct.append((key, value))
            }
        }
        pairs = .made(distinct)
    }

    @inlinable static func areDistinct(_ elements: [(Key, AMQPValue)]) -> Bool {
        Pair.withPairs(of: elements) { pairs in
            for place in pairs.indices {
                for other in 0..<place where Key.isSame(pairs[other].key, pairs[place].key) { return false }
            }
            return true
        }
    }

    /// The number of pairs.
    @inlinable public var count: Int {
        switch pairs {
        case .made(let pairs): pairs.count
        case .encoded(let pairs): pairs.count
        }
    }

    /// Whether there are no pairs.
    @inlinable public var isEmpty: Bool { count == 0 }

    /// The keys in their order.
    @inlinable public var keys: [Key] { map(\.key) }

    /// The values in the order of their keys.
    @inlinable public var values: [AMQPValue] { map(\.value) }

    /// The value of a key, or nil when there is none.
    ///
    /// A new key goes to the end. Assigning `nil` removes the pair; to store an AMQP null, assign `AMQPValue.null`.
    @inlinable public subscript(_ key: Key) -> AMQPValue? {
        get {
            switch pairs {
            case .made(let pairs):
                return Pair.withPairs(of: pairs) { pairs in
                    for place in pairs.indices where Key.isSame(pairs[place].key, key) { return pairs[place].value }
                    return nil
                }
            case .encoded(let pairs): return pairs.value(of: key.amqpValue)
            }
        }
        set {
            if let newValue { put(newValue, for: key) } else { remove(key) }
        }
    }

    @inlinable mutating func put(_ value: AMQPValue, for key: Key) {
        if let changed = setting(value, for: key) {
            pairs = .encoded(changed)
        } else if let place = made.firstIndex(where: { Key.isSame($0.0, key) }) {
            made[place].1 = value
        } else {
            made.append((key, value))
        }
    }

    /// The encoded pairs with the value of a key set, or nil if the pairs have to be decoded for it.
    @inlinable func setting(_ value: AMQPValue, for key: Key) -> EncodedPairs? {
        guard case .encoded(let encoded) = pairs else { return nil }
        return encoded.setting(key.amqpValue, value, allowsCompounds: Key.allowsCompounds)
    }

    @inlinable mutating func remove(_ key: Key) {
        if let place = made.firstIndex(where: { Key.isSame($0.0, key) }) { made.remove(at: place) }
    }

    /// The pairs as an array; encoded pairs are decoded.
    @inlinable var made: [(Key, AMQPValue)] {
        get {
            switch pairs {
            case .made(let pairs): pairs
            case .encoded: map { ($0.key, $0.value) }
            }
        }
        _modify {
            var made = made
            // The local copy then has the only reference to the array, so that it is changed in place.
            pairs = .made([])
            defer { pairs = .made(made) }
            yield &made
        }
    }
}

extension OrderedMap {
    /// A pair as a struct, whose parts can be read in place; the compiler copies the whole of a tuple in memory.
    @usableFromInline struct Pair {
        @usableFromInline let key: Key
        @usableFromInline let value: AMQPValue

        /// Calls a closure with the pairs of an array, in place.
        @inlinable
        @inline(__always)
        static func withPairs<T>(of pairs: [(Key, AMQPValue)], _ body: (UnsafeBufferPointer<Pair>) -> T) -> T {
            pairs.withUnsafeBufferPointer { pairs in
                // Structs and tuples of the same types have the same layout.
                pairs.withMemoryRebound(to: Pair.self, body)
            }
        }
    }
}

extension OrderedMap: Hashable {
    /// Whether two maps hold the same pairs in the same order.
    @inlinable public static func == (a: Self, b: Self) -> Bool {
        a.count == b.count && a.elementsEqual(b) { Key.isSame($0.key, $1.key) && $0.value == $1.value }
    }

    /// Feeds the pairs in their order to a hasher.
    @inlinable public func hash(into hasher: inout Hasher) {
        hasher.combine(count)
        for pair in self {
            pair.key.hashKey(into: &hasher)
            hasher.combine(pair.value)
        }
    }
}

extension OrderedMap: Sequence {
    /// A key and its value.
    public typealias Element = (key: Key, value: AMQPValue)

    /// An iterator over the pairs in their order; it decodes the pairs of a message one at a time.
    public struct Iterator: IteratorProtocol, Sendable {
        @usableFromInline let made: [(Key, AMQPValue)]
        /// The index of the next pair in `made`.
        @usableFromInline var place = 0
        @usableFromInline var encoded: EncodedPairs.Walk

        @inlinable init(_ map: OrderedMap) {
            switch map.pairs {
            case .made(let pairs):
                made = pairs
                encoded = EncodedPairs.Walk()
            case .encoded(let pairs):
                made = []
                encoded = pairs.walk
            }
        }

        /// The next pair, or nil after the last.
        @inlinable public mutating func next() -> Element? {
            guard place >= made.count else {
                defer { place += 1 }
                return made[place]
            }
            // A map has encoded pairs only if all of their keys have the type `Key`.
            guard let (key, value) = encoded.next(), let key = Key.key(key) else { return nil }
            return (key, value)
        }
    }

    /// An iterator over the pairs as they are now.
    @inlinable public func makeIterator() -> Iterator { Iterator(self) }

    /// The number of pairs.
    @inlinable public var underestimatedCount: Int { count }
}

extension OrderedMap: ExpressibleByDictionaryLiteral {
    /// Creates a map in the order written; a repeated key takes the last value.
    @inlinable public init(dictionaryLiteral elements: (Key, AMQPValue)...) { self.init(repeating: elements) }
}

/// A map whose keys are values of any type: AMQP's `map`.
public typealias AMQPMap = OrderedMap<AMQPValue>

/// Annotations of a message or an outcome: values by symbol (Messaging, section 3.2.10).
///
/// `annotations["x-opt-delay"] = 5000` needs no `Symbol(…)`; see ``AnnotationKey``. A received message with keys of other types,
/// such as strings, is invalid.
public typealias Annotations = OrderedMap<AnnotationKey>

/// The application's own properties of a message: values by string (Messaging, section 3.2.5).
///
/// The values have simple types: no list, map or array, and no described value of one. A message with such a value cannot be
/// encoded, and a received message with one is invalid. A described value of a simple type is allowed, because some peers send
/// dates and URIs this way.
public typealias ApplicationProperties = OrderedMap<String>

extension OrderedMap {
    /// Creates a map with the pairs of another, or nil if a key has another type.
    private init?(converting map: AMQPMap) {
        var pairs: [(Key, AMQPValue)] = []
        pairs.reserveCapacity(map.count)
        for (key, value) in map {
            guard let key = Key.key(key) else { return nil }
            pairs.append((key, value))
        }
        self.init(distinct: pairs)
    }
}

extension OrderedMap where Key == AMQPValue {
    /// Creates a map with the pairs of another, such as annotations or application properties.
    public init(_ map: OrderedMap<some MapKey>) {
        self.init(distinct: map.map { ($0.key.amqpValue, $0.value) })
    }
}

extension OrderedMap where Key == AnnotationKey {
    /// Creates annotations with the pairs of a map, or nil if a key is neither a `symbol` nor a `ulong`.
    public init?(_ map: AMQPMap) {
        self.init(converting: map)
    }
}

extension OrderedMap where Key == String {
    /// Creates application properties with the pairs of a map, or nil if a key is not a `string`.
    public init?(_ map: AMQPMap) {
        self.init(converting: map)
    }
}

/// A map that keeps the order of its pairs, on the wire and back (Types, section 1.6.23).
///
/// AMQP uses it in three forms, told apart by their keys: ``AMQPMap``, ``Annotations`` and ``ApplicationProperties``.
/// Keys are distinct, by their type and bytes: two strings that only look alike are two keys. Two maps are equal when they
/// hold the same pairs in the same order, as AMQP defines it.
///
/// Looking a key up walks the pairs: maps in messages are small, and there a walk beats a hash table. For lookups in a
/// map of thousands of pairs, make a `Dictionary` of it once.
public struct OrderedMap<Key: MapKey>: Sendable {
    /// The pairs in their order, with distinct keys.
    @usableFromInline var pairs: [(Key, AMQPValue)]

    /// An empty map.
    @inlinable public init() { pairs = [] }

    /// A map of pairs in their order; a key that is repeated keeps its place and takes the last value.
    @inlinable public init(_ elements: some Sequence<(Key, AMQPValue)>) {
        self.init(repeating: Array(elements))
    }

    /// A map of pairs whose keys are known to be distinct.
    @inlinable init(distinct pairs: [(Key, AMQPValue)]) { self.pairs = pairs }

    /// A map of pairs whose keys may be repeated.
    @inlinable init(repeating elements: [(Key, AMQPValue)]) {
        // Comparing each with each is quickest for a few; beyond that, an index of the keys keeps the cost linear.
        if elements.count <= 16, Self.areDistinct(elements) {
            pairs = elements
            return
        }
        pairs = []
        pairs.reserveCapacity(elements.count)
        var places: [HashedKey<Key>: Int] = [:]
        for (key, value) in elements {
            if let place = places[HashedKey(key)] {
                pairs[place].1 = value
            } else {
                places[HashedKey(key)] = pairs.count
                pairs.append((key, value))
            }
        }
    }

    @inlinable static func areDistinct(_ elements: [(Key, AMQPValue)]) -> Bool {
        for place in elements.indices.dropFirst() {
            for other in 0..<place where Key.isSame(elements[other].0, elements[place].0) { return false }
        }
        return true
    }

    /// The number of pairs.
    @inlinable public var count: Int { pairs.count }

    /// Whether there are no pairs.
    @inlinable public var isEmpty: Bool { pairs.isEmpty }

    /// The keys in their order.
    @inlinable public var keys: [Key] { pairs.map(\.0) }

    /// The values in the order of their keys.
    @inlinable public var values: [AMQPValue] { pairs.map(\.1) }

    /// The value of a key, or nil when there is none.
    ///
    /// A new key goes to the end. Assigning `nil` removes the pair; to store an AMQP null, assign `AMQPValue.null`.
    @inlinable public subscript(_ key: Key) -> AMQPValue? {
        get {
            // By index, no pair is copied.
            for place in pairs.indices where Key.isSame(pairs[place].0, key) { return pairs[place].1 }
            return nil
        }
        set {
            switch (pairs.firstIndex { Key.isSame($0.0, key) }, newValue) {
            case (let place?, let value?): pairs[place].1 = value
            case (let place?, nil): pairs.remove(at: place)
            case (nil, let value?): pairs.append((key, value))
            case (nil, nil): break
            }
        }
    }
}

extension OrderedMap: Hashable {
    /// Whether two maps hold the same pairs in the same order.
    @inlinable public static func == (a: Self, b: Self) -> Bool {
        a.pairs.elementsEqual(b.pairs) { Key.isSame($0.0, $1.0) && $0.1 == $1.1 }
    }

    /// Feeds the pairs in their order to a hasher.
    @inlinable public func hash(into hasher: inout Hasher) {
        hasher.combine(pairs.count)
        for pair in pairs {
            pair.0.hashKey(into: &hasher)
            hasher.combine(pair.1)
        }
    }
}

extension OrderedMap: Sequence {
    /// A key and its value.
    public typealias Element = (key: Key, value: AMQPValue)

    /// Goes through the pairs in their order.
    public struct Iterator: IteratorProtocol, Sendable {
        @usableFromInline var pairs: IndexingIterator<[(Key, AMQPValue)]>

        @inlinable init(_ map: OrderedMap) { pairs = map.pairs.makeIterator() }

        /// The next pair, or nil behind the last.
        @inlinable public mutating func next() -> Element? {
            guard let pair = pairs.next() else { return nil }
            return (pair.0, pair.1)
        }
    }

    /// An iterator over the pairs as they are now.
    @inlinable public func makeIterator() -> Iterator { Iterator(self) }

    /// The number of pairs.
    @inlinable public var underestimatedCount: Int { pairs.count }
}

extension OrderedMap: ExpressibleByDictionaryLiteral {
    /// A map in the order written; a key that is repeated takes the last value.
    @inlinable public init(dictionaryLiteral elements: (Key, AMQPValue)...) { self.init(repeating: elements) }
}

/// A map whose keys are values of any type: AMQP's `map`.
public typealias AMQPMap = OrderedMap<AMQPValue>

/// Annotations of a message or an outcome: values by symbol (Messaging, section 3.2.10).
///
/// `annotations["x-opt-delay"] = 5000` needs no `Symbol(…)`; see ``AnnotationKey``. A message that comes in with other keys,
/// such as strings, is invalid.
public typealias Annotations = OrderedMap<AnnotationKey>

/// The application's own properties of a message: values by string (Messaging, section 3.2.5).
///
/// The values are of simple types: no list, map or array, and no described value of one. A message with another value
/// cannot be encoded, and one that comes in is invalid. A described value of a simple type may be there, as peers in use
/// send dates and URIs.
public typealias ApplicationProperties = OrderedMap<String>

extension OrderedMap where Key == AMQPValue {
    /// A map with the pairs of another, such as annotations or application properties.
    public init(_ map: OrderedMap<some MapKey>) {
        self.init(distinct: map.pairs.map { ($0.0.amqpValue, $0.1) })
    }
}

extension OrderedMap where Key == AnnotationKey {
    /// The annotations with the pairs of a map, or nil when a key is neither a `symbol` nor a `ulong`.
    public init?(_ map: AMQPMap) {
        self.init()
        pairs.reserveCapacity(map.count)
        for (key, value) in map.pairs {
            guard let key = AnnotationKey(key) else { return nil }
            pairs.append((key, value))
        }
    }
}

extension OrderedMap where Key == String {
    /// The application properties with the pairs of a map, or nil when a key is not a `string`.
    public init?(_ map: AMQPMap) {
        self.init()
        pairs.reserveCapacity(map.count)
        for (key, value) in map.pairs {
            guard case .string(let key) = key else { return nil }
            pairs.append((key, value))
        }
    }
}

/// A map that keeps the order of its pairs, on the wire and back (Types, section 1.6.23).
///
/// AMQP uses it in three forms, told apart by their keys: ``AMQPMap``, ``Annotations`` and ``ApplicationProperties``.
/// Keys are distinct. Two maps are equal when they hold the same pairs in the same order, as AMQP defines it.
///
/// Looking a key up walks the pairs: maps in messages are small, and there a walk beats a hash table. For lookups in a
/// map of thousands of pairs, make a `Dictionary` of it once.
public struct OrderedMap<Key: Sendable & Hashable>: Sendable, Hashable {
    struct Pair: Sendable, Hashable {
        var key: Key
        var value: AMQPValue
    }

    private(set) var pairs: [Pair]

    /// An empty map.
    public init() { pairs = [] }

    /// A map of pairs in their order; a key that is repeated keeps its place and takes the last value.
    public init(_ elements: some Sequence<(Key, AMQPValue)>) {
        self.init()
        pairs.reserveCapacity(elements.underestimatedCount)
        // Walking is quickest for a few pairs; beyond that, an index of the keys keeps the cost linear.
        var places: [Key: Int] = [:]
        for (key, value) in elements {
            if pairs.count == 16, places.isEmpty {
                for (place, pair) in pairs.enumerated() { places[pair.key] = place }
            }
            if let place = places.isEmpty ? place(of: key) : places[key] {
                pairs[place].value = value
            } else {
                if !places.isEmpty { places[key] = pairs.count }
                pairs.append(Pair(key: key, value: value))
            }
        }
    }

    /// A map of pairs whose keys are known to be distinct.
    init(distinct pairs: [Pair]) { self.pairs = pairs }

    /// The number of pairs.
    public var count: Int { pairs.count }

    /// Whether there are no pairs.
    public var isEmpty: Bool { pairs.isEmpty }

    /// The keys in their order.
    public var keys: [Key] { pairs.map(\.key) }

    /// The values in the order of their keys.
    public var values: [AMQPValue] { pairs.map(\.value) }

    /// The value of a key, or nil when there is none.
    ///
    /// A new key goes to the end. Assigning `nil` removes the pair; to store an AMQP null, assign `AMQPValue.null`.
    public subscript(_ key: Key) -> AMQPValue? {
        get { place(of: key).map { pairs[$0].value } }
        set {
            switch (place(of: key), newValue) {
            case (let place?, let value?): pairs[place].value = value
            case (let place?, nil): pairs.remove(at: place)
            case (nil, let value?): pairs.append(Pair(key: key, value: value))
            case (nil, nil): break
            }
        }
    }

    private func place(of key: Key) -> Int? { pairs.firstIndex { $0.key == key } }
}

extension OrderedMap: Sequence {
    public typealias Element = (key: Key, value: AMQPValue)

    /// Goes through the pairs in their order.
    public struct Iterator: IteratorProtocol, Sendable {
        fileprivate var pairs: IndexingIterator<[Pair]>

        public mutating func next() -> Element? { pairs.next().map { ($0.key, $0.value) } }
    }

    public func makeIterator() -> Iterator { Iterator(pairs: pairs.makeIterator()) }

    public var underestimatedCount: Int { pairs.count }
}

extension OrderedMap: ExpressibleByDictionaryLiteral {
    /// A map in the order written; a key that is repeated takes the last value.
    public init(dictionaryLiteral elements: (Key, AMQPValue)...) { self.init(elements) }
}

/// A map whose keys are values of any type: AMQP's `map`.
public typealias AMQPMap = OrderedMap<AMQPValue>

/// Annotations of a message or an outcome: values by symbol (Messaging, section 3.2.10).
///
/// `annotations["x-opt-delay"] = 5000` needs no `Symbol(…)`; see ``AnnotationKey``.
public typealias Annotations = OrderedMap<AnnotationKey>

/// The application's own properties of a message: values by string (Messaging, section 3.2.5).
///
/// The specification restricts the values to simple types (no list, map or array, nothing described). Values of other
/// types are sent and received as they are, because peers in use send them; whether a broker accepts them is its choice.
public typealias ApplicationProperties = OrderedMap<String>

extension OrderedMap where Key == AMQPValue {
    /// A map with the pairs of annotations.
    public init(_ annotations: Annotations) {
        self.init(distinct: annotations.pairs.map { Pair(key: $0.key.value, value: $0.value) })
    }

    /// A map with the pairs of application properties.
    public init(_ properties: ApplicationProperties) {
        self.init(distinct: properties.pairs.map { Pair(key: .string($0.key), value: $0.value) })
    }
}

extension OrderedMap where Key == AnnotationKey {
    /// The annotations with the pairs of a map, or nil when a key is neither a `symbol` nor a `ulong`.
    public init?(_ map: AMQPMap) {
        self.init()
        pairs.reserveCapacity(map.count)
        for pair in map.pairs {
            guard let key = AnnotationKey(pair.key) else { return nil }
            pairs.append(Pair(key: key, value: pair.value))
        }
    }
}

extension OrderedMap where Key == String {
    /// The application properties with the pairs of a map, or nil when a key is not a `string`.
    public init?(_ map: AMQPMap) {
        self.init()
        pairs.reserveCapacity(map.count)
        for pair in map.pairs {
            guard case .string(let key) = pair.key else { return nil }
            pairs.append(Pair(key: key, value: pair.value))
        }
    }
}

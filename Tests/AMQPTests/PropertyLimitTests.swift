import Testing

@testable import AMQP

/// The limits of decoding, met exactly by random values.
@Suite struct PropertyLimitTests {
    @Test("A value decodes with limits that it just meets, and not with less", arguments: [UInt64](1...4))
    func exactLimits(_ part: UInt64) {
        forEachSeed(part * 1000..<part * 1000 + 100) { (seed) throws in
            var generator = PropertyGenerator(seed: seed)
            let value = generator.value()
            let bytes = try value.encoded()
            let exact = DecodingLimits(depth: value.nesting, elements: value.valueCount, totalSize: bytes.count)
            #expect(try AMQPValue(decoding: bytes, limits: exact) == value, "seed \(seed)")
            let (shallow, few, small) = (
                DecodingLimits(depth: exact.depth - 1), DecodingLimits(elements: exact.elements - 1),
                DecodingLimits(totalSize: exact.totalSize - 1)
            )
            for limits in exact.depth == 0 ? [few, small] : [shallow, few, small] {
                let error = #expect(throws: CodecError.self, "seed \(seed)") {
                    try AMQPValue(decoding: bytes, limits: limits)
                }
                #expect(error?.code == .limitExceeded, "seed \(seed): \(limits)")
            }
        }
    }

    @Test("Values in every section of a message count", arguments: [UInt64](1...4))
    func messageElements(_ part: UInt64) {
        forEachSeed(part * 1000..<part * 1000 + 50) { (seed) throws in
            var generator = PropertyGenerator(seed: seed)
            let map = AMQPMap((0..<20).map { (.string("k\($0)"), generator.scalar()) })
            let annotations = Annotations((0..<20).map { (.symbol(Symbol("k\($0)")), "v") })
            let messages = [
                Message(body: .value(.map(map))), Message(body: .sequence(map.values)),
                Message(properties: ApplicationProperties((0..<20).map { ("k\($0)", "v") })),
                Message(annotations: annotations), Message(deliveryAnnotations: annotations),
                Message(footer: annotations),
            ]
            for message in messages {
                let bytes = try message.encoded()
                #expect(throws: CodecError.self, "seed \(seed)") {
                    try Message(decoding: bytes, limits: DecodingLimits(elements: 19))
                }
                #expect(try Message(decoding: bytes, limits: DecodingLimits(elements: 60)) == message, "seed \(seed)")
            }
        }
    }
}

extension AMQPValue {
    /// How many compounds and described values stand inside one another; an empty list is a byte and nests nothing.
    fileprivate var nesting: Int {
        switch self {
        case .list([]): 0
        case .list(let elements): 1 + (elements.map(\.nesting).max() ?? 0)
        case .map(let map): 1 + (map.map { max($0.key.nesting, $0.value.nesting) }.max() ?? 0)
        case .array(let array):
            // In an array, an empty list is written as one with contents.
            1 + array.descriptors.count
                + max(
                    array.elementType == .list && !array.elements.isEmpty ? 1 : 0,
                    (array.descriptors + array.elements).map(\.nesting).max() ?? 0)
        case .described(let described): 1 + max(described.descriptor.nesting, described.value.nesting)
        default: 0
        }
    }

    /// The number of values, itself and those inside.
    fileprivate var valueCount: Int {
        switch self {
        case .list(let elements): 1 + elements.reduce(0) { $0 + $1.valueCount }
        case .map(let map): 1 + map.reduce(0) { $0 + $1.key.valueCount + $1.value.valueCount }
        case .array(let array): 1 + (array.descriptors + array.elements).reduce(0) { $0 + $1.valueCount }
        case .described(let described): 1 + described.descriptor.valueCount + described.value.valueCount
        default: 1
        }
    }
}

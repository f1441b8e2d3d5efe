// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

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

    @Test("Maps as keys of maps as keys: a few are taken, many are refused before comparing them all costs time")
    func keysInsideKeys() throws {
        let nulls = [AMQPValue](repeating: .null, count: 5000)
        func nested(_ levels: Int, _ innermost: AMQPValue) throws -> [UInt8] {
            var value = innermost
            for level in 0..<levels { value = .map([value: .null, .ulong(UInt64(level)): .null]) }
            // Bytes that allow for as many elements.
            return try AMQPValue.list([value, .binary([UInt8](repeating: 0, count: 5000))]).encoded()
        }
        // The nulls of an array take no bytes.
        for innermost in try [
            .list(nulls), .binary([UInt8](repeating: 0, count: 5000)), .array(#require(AMQPArray(of: .null, nulls))),
        ]
            as [AMQPValue]
        {
            #expect(throws: Never.self) { try AMQPValue(decoding: nested(4, innermost)) }
            let error = #expect(throws: CodecError.self) { try AMQPValue(decoding: nested(60, innermost)) }
            #expect(error?.code == .limitExceeded)
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

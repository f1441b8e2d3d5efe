// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// A small random number generator (SplitMix64), the same numbers for the same seed on every machine.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, a limit above 0. (Swift's own is slow in debug builds.)
    mutating func below(_ limit: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(limit)) }

    /// Any byte.
    mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next()) }
}

/// Runs a check once for each seed, and names the seed of one that throws.
func forEachSeed(_ seeds: Range<UInt64>, _ check: (UInt64) throws -> Void) {
    for seed in seeds {
        do {
            try check(seed)
        } catch {
            Issue.record("seed \(seed): \(error)")
        }
    }
}

/// Makes random values and messages, with a liking for the limits of each encoding.
struct PropertyGenerator {
    /// What the values may be.
    enum Scope {
        /// All that AMQP has.
        case all
        /// What proton 0.37 can carry: descriptors are scalars, and what they describe is not described again.
        case proton
    }

    var random: SeededRandom
    let scope: Scope
    /// How many elements compounds may still get, so that nesting does not multiply without end.
    private var remainingElements = 0

    init(seed: UInt64, scope: Scope = .all) {
        random = SeededRandom(seed: seed)
        self.scope = scope
    }

    /// True once in so many times.
    mutating func chance(_ times: Int) -> Bool { random.below(times) == 0 }

    /// Either nothing or what the function makes.
    mutating func maybe<T>(_ make: (inout PropertyGenerator) -> T) -> T? { chance(2) ? nil : make(&self) }

    // MARK: Values

    /// A value of any type with so many levels below it at most, and two hundred elements.
    mutating func value(depth: Int = 4) -> AMQPValue {
        remainingElements = 200
        return element(depth: depth)
    }

    private mutating func element(depth: Int) -> AMQPValue {
        if depth == 0 || !chance(3) { return scalar() }
        switch random.below(4) {
        case 0: return .list(list(depth: depth - 1))
        case 1: return .map(map(depth: depth - 1))
        case 2: return .array(array(depth: depth - 1))
        default: return .described(described(depth: depth - 1))
        }
    }

    static let scalarTypes = AMQPType.allCases.filter { ![.list, .map, .array].contains($0) }

    mutating func scalar() -> AMQPValue {
        scalar(Self.scalarTypes.randomElement(using: &random) ?? .null)
    }

    /// A value of a type; of a compound type, one without contents.
    mutating func scalar(_ type: AMQPType) -> AMQPValue {
        switch type {
        case .null: .null
        case .boolean: .boolean(.random(using: &random))
        case .ubyte: .ubyte(integer())
        case .ushort: .ushort(integer())
        case .uint: .uint(integer())
        case .ulong: .ulong(integer())
        case .byte: .byte(integer())
        case .short: .short(integer())
        case .int: .int(integer())
        case .long: .long(integer())
        case .float: .float(Float(bitPattern: integer()))
        case .double: .double(Double(bitPattern: integer()))
        case .decimal32: .decimal32(Decimal32(bits: integer()))
        case .decimal64: .decimal64(Decimal64(bits: integer()))
        case .decimal128: .decimal128(Decimal128(high: integer(), low: integer()))
        case .char: .char(character())
        case .timestamp: .timestamp(timestamp())
        case .uuid: .uuid(uuid())
        case .binary: .binary(bytes())
        case .string: .string(text())
        case .symbol: .symbol(symbol())
        case .list: .list([])
        case .map: .map([:])
        case .array: .array(AMQPArray([] as [Symbol]))
        }
    }

    /// An integer: often at an end of a range, or where a shorter encoding ends.
    mutating func integer<T: FixedWidthInteger>() -> T {
        let edges: [T] = [0, 1, .min, .max, .max - 1, .min + 1, T(truncatingIfNeeded: 127), T(truncatingIfNeeded: 128)]
        let more: [T] = [-1, -128, -129, 255, 256].map { T(truncatingIfNeeded: $0) }
        return chance(2)
            ? (edges + more).randomElement(using: &random) ?? 0 : T(truncatingIfNeeded: random.next())
    }

    mutating func timestamp() -> Timestamp { Timestamp(milliseconds: integer()) }

    mutating func uuid() -> AMQPUUID { AMQPUUID(high: integer(), low: integer()) }

    /// A length: mostly short, sometimes around 255, where the short encodings end.
    mutating func length() -> Int {
        chance(8) ? 250 + random.below(11) : random.below(13)
    }

    /// The number of a compound's elements.
    private mutating func count() -> Int {
        let count = min(length(), remainingElements)
        remainingElements -= count
        return count
    }

    mutating func bytes() -> [UInt8] {
        (0..<length()).map { _ in random.byte() }
    }

    mutating func character() -> Unicode.Scalar {
        let limit = [0x80, 0x80, 0x800, 0xd800, 0x10000, 0x110000][random.below(6)]
        return Unicode.Scalar(UInt32(random.below(limit))) ?? "?"
    }

    mutating func text() -> String {
        // Texts that Swift takes for one another, so that they meet as keys of one map.
        if chance(8), let pair = KeyTests.lookalikes.randomElement(using: &random) {
            return chance(2) ? pair.0 : pair.1
        }
        var text = ""
        for _ in 0..<length() { text.unicodeScalars.append(chance(4) ? character() : "x") }
        return text
    }

    mutating func symbol() -> Symbol {
        Symbol(String(decoding: (0..<length()).map { _ in max(1, random.byte() & 0x7f) }, as: UTF8.self))
    }

    mutating func list(depth: Int = 2) -> [AMQPValue] {
        (0..<count()).map { _ in element(depth: depth) }
    }

    mutating func map(depth: Int = 2) -> AMQPMap {
        AMQPMap((0..<count()).map { _ in (chance(8) ? element(depth: depth) : scalar(), element(depth: depth)) })
    }

    mutating func array(depth: Int) -> AMQPArray {
        let type = AMQPType.allCases.randomElement(using: &random) ?? .null
        let descriptors = chance(4) ? [scalar()] : []
        let elements: [AMQPValue] = (0..<count()).map { _ in
            guard depth > 0 else { return scalar(type) }
            return switch type {
            case .list: .list(list(depth: depth - 1))
            case .map: .map(map(depth: depth - 1))
            case .array: .array(array(depth: depth - 1))
            default: scalar(type)
            }
        }
        return AMQPArray(of: type, descriptors: descriptors, elements) ?? AMQPArray([] as [Symbol])
    }

    mutating func described(depth: Int) -> Described {
        switch scope {
        case .all:
            return Described(descriptor: chance(4) ? element(depth: depth) : scalar(), value: element(depth: depth))
        case .proton:
            let value = element(depth: depth)
            return Described(descriptor: scalar(), value: value.describedValue?.value ?? value)
        }
    }
}

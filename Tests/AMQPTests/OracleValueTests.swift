// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// Random values through our codec and proton's, both ways.
///
/// A failure names the seed; `PropertyGenerator(seed:)` makes the same value again.
@Suite struct OracleValueTests {
    @Test("Values come back from our own bytes", arguments: [UInt64](1...4))
    func roundTrip(_ part: UInt64) {
        forEachSeed(part * 1000..<part * 1000 + 250) { (seed) throws in
            var generator = PropertyGenerator(seed: seed)
            let value = generator.value()
            #expect(try AMQPValue(decoding: value.encoded()) == value, "seed \(seed)")
        }
    }

    @Test("Proton decodes our bytes to the same values, and we decode proton's", arguments: [UInt64](1...4))
    func proton(_ part: UInt64) {
        forEachSeed(part * 1000..<part * 1000 + 250) { (seed) throws in
            var generator = PropertyGenerator(seed: seed, scope: .proton)
            let value = generator.value()
            #expect(try OracleData.decode(value.encoded()) == [value], "seed \(seed)")
            #expect(try AMQPValue(decoding: OracleData.encode(value)) == value, "seed \(seed)")
        }
    }
}

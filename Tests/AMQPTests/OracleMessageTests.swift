// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// Random messages through our codec and proton's, both ways.
@Suite struct OracleMessageTests {
    @Test("Messages come back from our own bytes, and those bytes from the messages", arguments: [UInt64](1...4))
    func roundTrip(_ part: UInt64) {
        forEachSeed(part * 1000..<part * 1000 + 250) { (seed) throws in
            var generator = PropertyGenerator(seed: seed)
            let message = generator.message()
            let bytes = try message.encoded()
            let decoded = try Message(decoding: bytes)
            #expect(decoded == message, "seed \(seed)")
            #expect(try decoded.encoded() == bytes, "seed \(seed)")
        }
    }

    @Test("An array that takes several messages, and memory that is filled, give the same as arrays of bytes")
    func otherMemory() {
        var all: [UInt8] = []
        forEachSeed(1..<200) { (seed) throws in
            var generator = PropertyGenerator(seed: seed)
            let message = generator.message()
            let bytes = try message.encoded()
            let start = all.count
            try message.encode(appendingTo: &all)
            #expect(all[start...].elementsEqual(bytes), "seed \(seed)")
            let spare = generator.random.below(50)
            let decoded = try Message(capacity: bytes.count + spare, limits: .default) { memory in
                memory.copyBytes(from: bytes)
                return bytes.count
            }
            #expect(decoded == message, "seed \(seed)")
            let invalid = #expect(throws: InvalidMessage.self, "seed \(seed)") {
                try Message(capacity: bytes.count + 1, limits: .default) { memory in
                    memory.copyBytes(from: bytes + [0])
                    return bytes.count + 1
                }
            }
            #expect(invalid?.bytes == bytes + [0], "seed \(seed)")
            #expect(throws: InvalidMessage.self, "seed \(seed)") {
                try Message(capacity: spare, limits: .default) { _ in 0 }
            }
        }
    }

    @Test("Proton decodes our messages to the same fields, and we decode proton's", arguments: [UInt64](1...4))
    func proton(_ part: UInt64) {
        forEachSeed(part * 1000..<part * 1000 + 250) { (seed) throws in
            var generator = PropertyGenerator(seed: seed, scope: .proton)
            let message = generator.message()
            #expect(try OracleMessage.decode(message.encoded()) == message, "seed \(seed)")
            #expect(try Message(decoding: OracleMessage.encode(message)) == message, "seed \(seed)")
        }
    }
}

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

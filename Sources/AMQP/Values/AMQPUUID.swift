// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A universally unique identifier of 16 bytes (Types, section 1.6.18; RFC 4122).
public struct AMQPUUID: Sendable, Hashable {
    /// The first 8 bytes, as a big-endian number.
    public var high: UInt64
    /// The last 8 bytes, as a big-endian number.
    public var low: UInt64

    /// Creates an identifier from its two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A random identifier: version 4 of RFC 4122, from the system's random numbers.
    public static func random() -> AMQPUUID {
        AMQPUUID(
            high: .random(in: .min ... .max) & ~0xf000 | 0x4000,
            low: .random(in: .min ... .max) & ~(0b11 << 62) | 0b10 << 62)
    }

    /// An identifier of 16 bytes, or nil when there are fewer or more.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The 16 bytes.
    public var bytes: [UInt8] {
        [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> (56 - 8 * UInt64($0))) } }
    }

    /// An identifier of 16 bytes as C and Foundation hold them: `AMQPUUID(UUID().uuid)`.
    public init(
        _ bytes: (
            UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8,
            UInt8
        )
    ) {
        (high, low) = withUnsafeBytes(of: bytes) { bytes in
            (
                UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    /// An identifier of its text of 36 characters, in either case, or nil when it is not one.
    public init?(_ text: String) {
        let dashes: Set = [8, 13, 18, 23]
        var digits: [UInt8] = []
        guard text.utf8.count == 36 else { return nil }
        for (place, character) in text.unicodeScalars.enumerated() {
            if dashes.contains(place) {
                guard character == "-" else { return nil }
            } else {
                guard character.isASCII, let digit = Character(character).hexDigitValue else { return nil }
                digits.append(UInt8(digit))
            }
        }
        self.init(bytes: stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }
}

extension AMQPUUID: CustomStringConvertible {
    /// The text of 36 characters in lower case, such as `f81d4fae-7dec-11d0-a765-00a0c91e6bf6`.
    public var description: String {
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
        }
        return text
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import FoundationEssentials
import ProtonFoundation
import Testing

/// Foundation's Decimal as AMQP's decimal128, and back from all decimals.
struct DecimalTests {
    private static func decimal(_ text: String) throws -> Decimal { try #require(Decimal(string: text)) }

    /// Numbers with the bits that IEEE 754 has for them, with a significand that is a binary integer.
    private static let encoded: [(String, UInt64, UInt64)] = [
        ("0", 0x3040_0000_0000_0000, 0),
        ("1", 0x3040_0000_0000_0000, 1),
        ("-1", 0xb040_0000_0000_0000, 1),
        ("0.1", 0x303e_0000_0000_0000, 1),
        ("1234.56", 0x303c_0000_0000_0000, 123_456),
        ("1e10", 0x3054_0000_0000_0000, 1),
        ("18446744073709551616", 0x3040_0000_0000_0001, 0),
        ("9999999999999999999999999999999999", 0x3041_ed09_bead_87c0, 0x378d_8e63_ffff_ffff),
    ]

    @Test(arguments: encoded)
    func bitsAreThoseOfIEEE754(_ text: String, _ high: UInt64, _ low: UInt64) throws {
        let number = try Self.decimal(text)
        let read = try #require(Decimal(Decimal128(high: high, low: low)))
        #expect(read == number)
        // A Decimal chooses the exponent itself where there are several: the number counts.
        #expect(Decimal(number.amqpValue) == number)
    }

    @Test(arguments: [
        "0", "1", "-1", "3.14", "-0.00000001", "123456789012345678901234567890.1234", "1e127", "1e-128", "1000e127",
    ])
    func numberComesBack(_ text: String) throws {
        let number = try Self.decimal(text)
        #expect(Decimal(number.amqpValue) == number)
    }

    @Test(arguments: [
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012350000"),
        ("99999999999999999999999999999999999999", "100000000000000000000000000000000000000"),
        ("-1.0000000000000000000000000000000005", "-1.0000000000000000000000000000000000"),
        ("-1.0000000000000000000000000000000015", "-1.0000000000000000000000000000000020"),
        ("1.00000000000000000000000000000000051", "1.0000000000000000000000000000000010"),
    ])
    func moreThan34DigitsAreRounded(_ text: String, _ rounded: String) throws {
        #expect(Decimal(try Self.decimal(text).amqpValue) == (try Self.decimal(rounded)))
    }

    @Test func smallerDecimalsAreRead() throws {
        #expect(Decimal(Decimal32(bits: 0x3280_0001)) == 1)
        #expect(Decimal(Decimal32(bits: 0xb280_0001)) == -1)
        // A significand of 24 bits, whose first three the encoding leaves out.
        #expect(Decimal(Decimal32(bits: 0x6cb8_967f)) == 9_999_999)
        #expect(Decimal(Decimal32(bits: 0x77f8_967f)) == (try Self.decimal("9.999999e96")))
        #expect(Decimal(Decimal64(bits: 0x31c0_0000_0000_0001)) == 1)
        #expect(Decimal(AMQPValue.decimal64(Decimal64(bits: 0x31a0_0000_0000_0001))) == (try Self.decimal("0.1")))
        // Eight digits and more stand for zero.
        #expect(Decimal(Decimal32(bits: 0x6cbf_ffff)) == 0)
    }

    @Test func whatIsNoNumberIsNaN() {
        #expect(Decimal.nan.amqpValue == .decimal128(Decimal128(high: 0x7c00_0000_0000_0000, low: 0)))
        #expect(Decimal(Decimal.nan.amqpValue)?.isNaN == true)
        #expect(Decimal(Decimal32(bits: 0x7c00_0000))?.isNaN == true)
    }

    @Test func infinityAndWhatIsOutOfRangeAreNone() throws {
        #expect(Decimal(Decimal128(high: 0x7800_0000_0000_0000, low: 0)) == nil)
        #expect(Decimal(Decimal32(bits: 0xf800_0000)) == nil)
        #expect(Decimal(Decimal64(bits: 0x7800_0000_0000_0000)) == nil)
        // 1e200 and 1e-300; then a zero of any exponent, and exponents that more or fewer digits bring into range.
        #expect(Decimal(Decimal128(high: UInt64(6_176 + 200) << 49, low: 1)) == nil)
        #expect(Decimal(Decimal128(high: UInt64(6_176 - 300) << 49, low: 1)) == nil)
        #expect(Decimal(Decimal128(high: UInt64(6_176 + 6_111) << 49, low: 0)) == 0)
        #expect(Decimal(Decimal128(high: UInt64(6_176 + 130) << 49, low: 1)) == (try Self.decimal("1000e127")))
        #expect(Decimal(Decimal128(high: UInt64(6_176 - 130) << 49, low: 100)) == (try Self.decimal("1e-128")))
    }

    @Test func integersAreNumbersToo() {
        #expect(Decimal(AMQPValue.int(-3)) == -3)
        #expect(Decimal(AMQPValue.ulong(.max)) == Decimal(UInt64.max))
        #expect(Decimal(AMQPValue.string("3")) == nil)
        #expect(Decimal(AMQPValue.double(0.1)) == nil, "a double is not what its decimal digits say")
    }
}

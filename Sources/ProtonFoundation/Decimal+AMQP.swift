// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import FoundationEssentials

// Foundation's Decimal as AMQP's decimal128, and back from all three decimals of AMQP.

extension Decimal: AMQPValueConvertible {
    /// A `decimal128`.
    public var amqpValue: AMQPValue { .decimal128(Decimal128(self)) }

    /// The number that a `decimal32`, a `decimal64`, a `decimal128` or an integer is.
    ///
    /// Nil when the value is of another type, infinite, or out of a `Decimal`'s range.
    public init?(_ value: AMQPValue) {
        switch value {
        case .decimal32(let number): self.init(number)
        case .decimal64(let number): self.init(number)
        case .decimal128(let number): self.init(number)
        default:
            if let number: Int64 = value.integer() {
                self.init(number)
            } else if let number: UInt64 = value.integer() {
                self.init(number)
            } else {
                return nil
            }
        }
    }

    /// The number of an AMQP `decimal32`, or nil when it is infinite.
    public init?(_ number: Decimal32) {
        self.init(DecimalParts(bits: UInt128(number.bits), .decimal32))
    }

    /// The number of an AMQP `decimal64`, or nil when it is infinite, or out of a `Decimal`'s range.
    public init?(_ number: Decimal64) {
        self.init(DecimalParts(bits: UInt128(number.bits), .decimal64))
    }

    /// The number of an AMQP `decimal128`, or nil when it is infinite, or out of a `Decimal`'s range.
    public init?(_ number: Decimal128) {
        self.init(DecimalParts(bits: UInt128(number.high) << 64 | UInt128(number.low), .decimal128))
    }

    /// The number with these parts; nil for an infinite one, and where the exponent is out of range.
    private init?(_ parts: DecimalParts) {
        switch parts {
        case .infinite: return nil
        case .notANumber: self = .nan
        case .finite(_, 0, _): self = 0
        case .finite(let isNegative, var significand, var exponent):
            while exponent < Decimal.exponents.lowerBound, significand.isMultiple(of: 10) {
                (significand, exponent) = (significand / 10, exponent + 1)
            }
            while exponent > Decimal.exponents.upperBound, significand < DecimalFormat.decimal128.limit {
                (significand, exponent) = (significand * 10, exponent - 1)
            }
            guard Decimal.exponents.contains(exponent) else { return nil }
            // By its digits: Foundation's initializer of parts makes some of them not a number, such as 1000 and 127.
            self.init(string: "\(isNegative ? "-" : "")\(significand)e\(exponent)")
        }
    }

    /// The exponents of ten that a `Decimal` can have.
    private static let exponents = -128...127
}

extension Decimal128 {
    /// The number of a `Decimal`, to the nearest of 34 digits: a `Decimal` may have up to 38.
    public init(_ number: Decimal) {
        let bits = DecimalParts(number).bits
        self.init(high: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
    }
}

/// The widths of a decimal of IEEE 754 whose significand is a binary integer (IEEE 754-2008, section 3.5.2).
private struct DecimalFormat {
    /// How many bits there are.
    let width: Int
    /// How many bits the exponent has.
    let exponentWidth: Int
    /// What is added to the exponent.
    let bias: Int
    /// The first significand that has too many digits.
    let limit: UInt128

    static let decimal32 = DecimalFormat(width: 32, exponentWidth: 8, bias: 101, limit: 10_000_000)
    static let decimal64 = DecimalFormat(width: 64, exponentWidth: 10, bias: 398, limit: 10_000_000_000_000_000)
    static let decimal128 = DecimalFormat(
        width: 128, exponentWidth: 14, bias: 6_176, limit: 10_000_000_000_000_000_000_000_000_000_000_000)
}

/// What a decimal number is made of.
private enum DecimalParts {
    case finite(isNegative: Bool, significand: UInt128, exponent: Int)
    case infinite
    case notANumber

    /// Reads the bits of a number.
    init(bits: UInt128, _ format: DecimalFormat) {
        func field(_ offset: Int, _ width: Int) -> UInt128 { bits >> UInt128(offset) & ((1 << UInt128(width)) - 1) }
        let isNegative = field(format.width - 1, 1) == 1
        // The five bits after the sign: 11110 is infinity, 11111 no number, and other ones that begin with 11 move the exponent.
        let leading = field(format.width - 6, 5)
        if leading >= 0b11110 {
            self = leading == 0b11110 ? .infinite : .notANumber
            return
        }
        let moved = leading >= 0b11000
        let significandWidth = format.width - 1 - format.exponentWidth - (moved ? 2 : 0)
        let exponent = Int(field(significandWidth, format.exponentWidth)) - format.bias
        let significand = field(0, significandWidth) | (moved ? 0b100 << UInt128(significandWidth) : 0)
        // One with too many digits stands for zero.
        self = .finite(
            isNegative: isNegative, significand: significand < format.limit ? significand : 0, exponent: exponent)
    }

    /// Takes a `Decimal` apart, and rounds what has more digits than a decimal128: to the nearest, to the even of two.
    init(_ number: Decimal) {
        guard !number.isNaN, let digits = UInt128("\(number.significand.magnitude)") else {
            self = .notANumber
            return
        }
        var (significand, divisor, exponent) = (digits, UInt128(1), number.exponent)
        while digits / divisor >= DecimalFormat.decimal128.limit { (divisor, exponent) = (divisor * 10, exponent + 1) }
        if divisor > 1 {
            let (quotient, remainder) = digits.quotientAndRemainder(dividingBy: divisor)
            let isUp = remainder * 2 > divisor || remainder * 2 == divisor && !quotient.isMultiple(of: 2)
            significand = quotient + (isUp ? 1 : 0)
            if significand == DecimalFormat.decimal128.limit {
                (significand, exponent) = (significand / 10, exponent + 1)
            }
        }
        self = .finite(isNegative: number.sign == .minus, significand: significand, exponent: exponent)
    }

    /// The bits of a decimal128.
    var bits: UInt128 {
        switch self {
        case .finite(let isNegative, let significand, let exponent):
            UInt128(isNegative ? 1 : 0) << 127 | UInt128(exponent + DecimalFormat.decimal128.bias) << 113 | significand
        case .infinite: 0b11110 << 122
        case .notANumber: 0b11111 << 122
        }
    }
}

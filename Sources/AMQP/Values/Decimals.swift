// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// There is no arithmetic on decimal numbers: their bits are encoded and decoded unchanged.

/// A decimal number of 32 bits, as opaque bits (Types, section 1.6.13).
public struct Decimal32: Sendable, Hashable {
    /// The bits of the IEEE 754 decimal32, sign first.
    public var bits: UInt32

    /// A decimal number by its bits.
    public init(bits: UInt32) { self.bits = bits }
}

/// A decimal number of 64 bits, as opaque bits (Types, section 1.6.14).
public struct Decimal64: Sendable, Hashable {
    /// The bits of the IEEE 754 decimal64, sign first.
    public var bits: UInt64

    /// A decimal number by its bits.
    public init(bits: UInt64) { self.bits = bits }
}

/// A decimal number of 128 bits, as opaque bits (Types, section 1.6.15).
public struct Decimal128: Sendable, Hashable {
    /// The first 64 bits of the IEEE 754 decimal128, sign first.
    public var high: UInt64
    /// The last 64 bits.
    public var low: UInt64

    /// A decimal number by its bits, in two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

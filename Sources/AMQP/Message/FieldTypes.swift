// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The constructors that are allowed for the values of a field, and thereby the field's types.
///
/// They are the bits of two numbers, so that each check is a single test of a bit, whatever the field.
struct FieldTypes {
    /// A bit for each constructor from 0x40 to 0x7f.
    private let low: UInt64
    /// A bit for each constructor from 0x80 to 0xbf.
    private let high: UInt64

    /// The constructors for a field of the header, by its number (Messaging, section 3.2.1).
    @inline(__always)
    init(headerField field: Int) {
        low =
            switch field {
            case 0, 3: 1 << 0x01 | 1 << 0x02 | 1 << 0x16  // boolean
            case 1: 1 << 0x10  // ubyte
            default: 1 << 0x03 | 1 << 0x12 | 1 << 0x30  // uint
            }
        high = 0
    }

    /// The constructors for a field of the properties, by its number (Messaging, section 3.2.4).
    @inline(__always)
    init(propertiesField field: Int) {
        low =
            switch field {
            case 0, 5: 1 << 0x04 | 1 << 0x13  // ulong
            case 11: 1 << 0x03 | 1 << 0x12 | 1 << 0x30  // uint
            default: 0
            }
        high =
            switch field {
            // ulong and uuid, binary, string
            case 0, 5: 1 << 0x00 | 1 << 0x18 | 1 << 0x20 | 1 << 0x30 | 1 << 0x21 | 1 << 0x31
            case 1: 1 << 0x20 | 1 << 0x30  // binary
            case 2, 3, 4, 10, 12: 1 << 0x21 | 1 << 0x31  // string
            case 6, 7: 1 << 0x23 | 1 << 0x33  // symbol
            case 8, 9: 1 << 0x03  // timestamp
            default: 0
            }
    }

    /// Whether a constructor is allowed.
    @inline(__always)
    func contains(_ constructor: UInt8) -> Bool {
        let bits = constructor < 0x80 ? low : high
        return constructor &- 0x40 < 0x80 && bits &>> UInt64(constructor & 0x3f) & 1 != 0
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The rules for the fields of a performative: which are mandatory, and the types of those that proton reads (AMQP 1.0, 2.7).
///
/// Proton 0.37 reads a field of another type as 0 or absent, so that it may assign a frame to another link.
struct PerformativeRules {
    /// The type that a field may have, besides null; the raw value is the number in `types`.
    enum FieldType: UInt64 {
        case any, uint, ushort, ubyte, ulong, boolean, string, binary, described
    }

    /// Four bits for each field, with the first field lowest: a `FieldType`.
    let types: UInt64
    /// One bit for each mandatory field, with the first field lowest.
    let mandatory: UInt16
    /// One bit for each field that proton stores as a value.
    let kept: UInt16
    /// The maximum number of values in those fields.
    let most: Int

    /// The maximum number of values that proton stores for an open or an attach.
    static let mostValues = 1_024
    /// The maximum number of values in a delivery state or an error.
    static let mostInState = 128

    @inline(__always)
    private init(_ types: UInt64, mandatory: UInt16, kept: UInt16 = 0, most: Int = 0) {
        (self.types, self.mandatory, self.kept, self.most) = (types, mandatory, kept, most)
    }

    // The fields are written from last to first, by the numbers of their types. They are constants, because a table that is made
    // at its first use would cost more for each frame than the comparison.

    @inline(__always)
    static func of(_ performative: FrameViolation.Performative) -> PerformativeRules {
        switch performative {
        case .open: PerformativeRules(0x1_2166, mandatory: 0b1, kept: 0b11_1000_0000, most: mostValues)
        case .begin: PerformativeRules(0x1_1112, mandatory: 0b1110)
        case .attach:
            PerformativeRules(
                0x415_0883_3516, mandatory: 0b111, kept: 0b11_1000_0110_0000, most: mostValues)
        case .flow: PerformativeRules(0x55_1111_1111, mandatory: 0)
        case .transfer:
            PerformativeRules(0x555_8355_1711, mandatory: 0b1, kept: 0b1000_0000, most: mostInState)
        case .disposition: PerformativeRules(0x58_5115, mandatory: 0b11, kept: 0b1_0000, most: mostInState)
        case .detach: PerformativeRules(0x851, mandatory: 0b1, kept: 0b100, most: mostInState)
        case .end, .close: PerformativeRules(0x8, mandatory: 0, kept: 0b1, most: mostInState)
        }
    }

    /// The types that a value with this constructor may have, one bit for each.
    @inline(__always)
    static func types(of constructor: UInt8) -> UInt64 {
        let type: FieldType =
            switch constructor {
            case 0x43, 0x52, 0x70: .uint
            case 0x60: .ushort
            case 0x50: .ubyte
            case 0x44, 0x53, 0x80: .ulong
            case 0x41, 0x42, 0x56: .boolean
            case 0xa1, 0xb1: .string
            case 0xa0, 0xb0: .binary
            case 0x00: .described
            default: .any
            }
        return 1 | 1 << type.rawValue
    }
}

extension FrameFields {
    /// The result of comparing a performative's fields with the rules.
    enum Audit: Equatable {
        /// They comply, and proton stores this number of values for them.
        case passed(values: Int)
        /// They do not fill the list exactly, or one has the wrong type.
        case malformed
        /// A mandatory field is missing.
        case incomplete
        /// There are too many values in them, or they are nested too deep.
        case tooMany(most: Int)
    }

    /// Compares all fields with the rules.
    @inline(__always)
    func audit(_ rules: PerformativeRules) -> Audit {
        var rest = self
        var field: UInt64 = 0
        var mandatory = UInt64(rules.mandatory)
        var values = FrameValues(base, most: rules.most)
        while rest.remaining > 0 {
            guard let constructor = rest.constructor else { return .malformed }
            let start = rest.offset
            rest.skip()
            guard rest.offset > start else { return .malformed }
            defer { field += 1 }
            guard constructor != 0x40, field < 16 else { continue }
            mandatory &= ~(1 << field)
            guard PerformativeRules.types(of: constructor) >> (rules.types >> (4 * field) & 15) & 1 == 1 else {
                return .malformed
            }
            if UInt64(rules.kept) >> field & 1 == 1, values.skim(start, rest.offset) != rest.offset {
                return .tooMany(most: rules.most)
            }
        }
        guard rest.offset == end else { return .malformed }
        return mandatory == 0 ? .passed(values: values.count) : .incomplete
    }
}

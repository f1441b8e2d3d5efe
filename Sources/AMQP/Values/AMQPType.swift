// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The primitive types of AMQP 1.0 (Types, section 1.6).
///
/// The raw value is the constructor of the type's widest encoding, which can carry every value of the type.
public enum AMQPType: UInt8, Sendable, Hashable, CaseIterable {
    /// No value (1.6.1).
    case null = 0x40
    /// True or false (1.6.2).
    case boolean = 0x56
    /// An unsigned integer of 8 bits (1.6.3).
    case ubyte = 0x50
    /// An unsigned integer of 16 bits (1.6.4).
    case ushort = 0x60
    /// An unsigned integer of 32 bits (1.6.5).
    case uint = 0x70
    /// An unsigned integer of 64 bits (1.6.6).
    case ulong = 0x80
    /// A signed integer of 8 bits (1.6.7).
    case byte = 0x51
    /// A signed integer of 16 bits (1.6.8).
    case short = 0x61
    /// A signed integer of 32 bits (1.6.9).
    case int = 0x71
    /// A signed integer of 64 bits (1.6.10).
    case long = 0x81
    /// A floating-point number of 32 bits (1.6.11).
    case float = 0x72
    /// A floating-point number of 64 bits (1.6.12).
    case double = 0x82
    /// A decimal number of 32 bits (1.6.13).
    case decimal32 = 0x74
    /// A decimal number of 64 bits (1.6.14).
    case decimal64 = 0x84
    /// A decimal number of 128 bits (1.6.15).
    case decimal128 = 0x94
    /// A character of Unicode (1.6.16).
    case char = 0x73
    /// A point in time (1.6.17).
    case timestamp = 0x83
    /// A universally unique identifier (1.6.18).
    case uuid = 0x98
    /// A sequence of bytes (1.6.19).
    case binary = 0xb0
    /// A text in Unicode (1.6.20).
    case string = 0xb1
    /// A name from a constrained domain, in ASCII (1.6.21).
    case symbol = 0xb3
    /// A sequence of values of any types (1.6.22).
    case list = 0xd0
    /// Pairs of a key and a value (1.6.23).
    case map = 0xd1
    /// A sequence of values of one type (1.6.24).
    case array = 0xf0

    /// The type that a constructor of the specification encodes, or nil if no type has this constructor.
    init?(constructor: UInt8) {
        switch constructor {
        case 0x41, 0x42: self = .boolean
        case 0x52, 0x43: self = .uint
        case 0x53, 0x44: self = .ulong
        case 0x54: self = .int
        case 0x55: self = .long
        case 0xa0: self = .binary
        case 0xa1: self = .string
        case 0xa3: self = .symbol
        case 0x45, 0xc0: self = .list
        case 0xc1: self = .map
        case 0xe0: self = .array
        default: self.init(rawValue: constructor)
        }
    }

    /// The number that proton's Python binding prints for the type in an array (`pn_type_t`).
    var protonNumber: Int {
        switch self {
        case .null: 1
        case .boolean: 2
        case .ubyte: 3
        case .byte: 4
        case .ushort: 5
        case .short: 6
        case .uint: 7
        case .int: 8
        case .char: 9
        case .ulong: 10
        case .long: 11
        case .timestamp: 12
        case .float: 13
        case .double: 14
        case .decimal32: 15
        case .decimal64: 16
        case .decimal128: 17
        case .uuid: 18
        case .binary: 19
        case .string: 20
        case .symbol: 21
        case .array: 23
        case .list: 24
        case .map: 25
        }
    }
}

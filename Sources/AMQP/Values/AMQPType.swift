// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The primitive types of AMQP 1.0 (Types, section 1.6).
///
/// The raw value is the constructor of the type's widest encoding, which can carry every value of the type.
public enum AMQPType: UInt8, Sendable, Hashable, CaseIterable {
    case null = 0x40
    case boolean = 0x56
    case ubyte = 0x50
    case ushort = 0x60
    case uint = 0x70
    case ulong = 0x80
    case byte = 0x51
    case short = 0x61
    case int = 0x71
    case long = 0x81
    case float = 0x72
    case double = 0x82
    case decimal32 = 0x74
    case decimal64 = 0x84
    case decimal128 = 0x94
    case char = 0x73
    case timestamp = 0x83
    case uuid = 0x98
    case binary = 0xb0
    case string = 0xb1
    case symbol = 0xb3
    case list = 0xd0
    case map = 0xd1
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

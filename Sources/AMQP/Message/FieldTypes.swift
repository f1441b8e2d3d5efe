/// Which types the fields of a header or of the properties may have.
struct FieldTypes: OptionSet {
    let rawValue: UInt16

    static let boolean = FieldTypes(rawValue: 1 << 0)
    static let ubyte = FieldTypes(rawValue: 1 << 1)
    static let uint = FieldTypes(rawValue: 1 << 2)
    static let ulong = FieldTypes(rawValue: 1 << 3)
    static let uuid = FieldTypes(rawValue: 1 << 4)
    static let timestamp = FieldTypes(rawValue: 1 << 5)
    static let binary = FieldTypes(rawValue: 1 << 6)
    static let string = FieldTypes(rawValue: 1 << 7)
    static let symbol = FieldTypes(rawValue: 1 << 8)
    static let messageID: FieldTypes = [.ulong, .uuid, .binary, .string]

    init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The type that a constructor encodes; none when no field has it.
    init(constructor: UInt8) {
        switch constructor {
        case 0x41, 0x42, 0x56: self = .boolean
        case 0x50: self = .ubyte
        case 0x43, 0x52, 0x70: self = .uint
        case 0x44, 0x53, 0x80: self = .ulong
        case 0x98: self = .uuid
        case 0x83: self = .timestamp
        case 0xa0, 0xb0: self = .binary
        case 0xa1, 0xb1: self = .string
        case 0xa3, 0xb3: self = .symbol
        default: self = []
        }
    }

    /// The types of a field of the header, by its number (Messaging, section 3.2.1).
    init(headerField field: Int) {
        switch field {
        case 0, 3: self = .boolean
        case 1: self = .ubyte
        case 2, 4: self = .uint
        default: self = []
        }
    }

    /// The types of a field of the properties, by its number (Messaging, section 3.2.4).
    init(propertiesField field: Int) {
        switch field {
        case 0, 5: self = .messageID
        case 1: self = .binary
        case 2, 3, 4, 10, 12: self = .string
        case 6, 7: self = .symbol
        case 8, 9: self = .timestamp
        case 11: self = .uint
        default: self = []
        }
    }
}

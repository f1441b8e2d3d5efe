// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The messages of SCRAM: attributes of one letter, separated by commas (RFC 5802, sections 5.1 and 7).
///
/// They are processed as bytes, because a `Character` of a `String` would combine a comma with a combining mark after it.
enum SCRAMMessage {
    /// The maximum size of a message, in bytes.
    static let maxSize = 4_096
    static let comma = UInt8(ascii: ",")
    private static let equals = UInt8(ascii: "=")

    /// One attribute: its letter and its value.
    struct Attribute {
        var name: UInt8
        var value: ArraySlice<UInt8>

        func isNamed(_ letter: Unicode.Scalar) -> Bool { UInt32(name) == letter.value }
    }

    /// The attributes of a message, or of a part of one; nil if it is not a SCRAM message.
    static func attributes(_ message: ArraySlice<UInt8>) -> [Attribute]? {
        guard message.count <= maxSize else { return nil }
        var result: [Attribute] = []
        for part in message.split(separator: comma, omittingEmptySubsequences: false) {
            guard let name = part.first, part.dropFirst().first == equals else { return nil }
            result.append(Attribute(name: name, value: part.dropFirst(2)))
        }
        return result
    }

    /// A name with `,` and `=` escaped.
    static func escape(_ name: String) -> [UInt8] {
        name.utf8.flatMap { byte in
            switch byte {
            case equals: Array("=3D".utf8)
            case comma: Array("=2C".utf8)
            default: [byte]
            }
        }
    }

    /// The prepared name in an attribute; nil if it has another escape, or is not a valid name.
    static func name(_ value: ArraySlice<UInt8>) -> String? {
        var bytes: [UInt8] = []
        var rest = value
        while let byte = rest.popFirst() {
            guard byte == equals else {
                bytes.append(byte)
                continue
            }
            switch Array(rest.prefix(2)) {
            case Array("3D".utf8): bytes.append(equals)
            case Array("2C".utf8): bytes.append(comma)
            default: return nil
            }
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self).flatMap(PreparedText.prepare)
    }

    /// Whether a nonce has only allowed characters: printable ASCII without the comma.
    static func isNonce(_ value: ArraySlice<UInt8>) -> Bool {
        !value.isEmpty && value.allSatisfy { (0x21...0x7e).contains($0) && $0 != comma }
    }

    /// A number of iterations: digits without leading zeros; nil if it is not a number that fits an `Int32`.
    static func number(_ value: ArraySlice<UInt8>) -> Int? {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard let first = value.first, first != digits.lowerBound, value.count <= 10,
            value.allSatisfy(digits.contains)
        else { return nil }
        let number = value.reduce(0) { $0 * 10 + Int($1 - digits.lowerBound) }
        return number <= Int(Int32.max) ? number : nil
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Base64 with padding and without line breaks (RFC 4648, section 4), as SCRAM uses it.
package enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - group.count))
            for digit in 0..<4 {
                text.append(
                    digit <= group.count ? digits[Int(bits >> (18 - 6 * UInt32(digit)) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: nil if the text is not exactly what `encode` produces.
    package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        let bytes = Array(text)
        guard bytes.count.isMultiple(of: 4) else { return nil }
        let padding = bytes.suffix(2).count { $0 == UInt8(ascii: "=") }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count / 4 * 3)
        var bits: UInt32 = 0
        for (index, byte) in bytes.enumerated() {
            if index >= bytes.count - padding {
                guard byte == UInt8(ascii: "=") else { return nil }
                bits <<= 6
            } else {
                guard let digit = value(of: byte) else { return nil }
                bits = bits << 6 | digit
            }
            guard index % 4 == 3 else { continue }
            result += [UInt8(bits >> 16 & 255), UInt8(bits >> 8 & 255), UInt8(bits & 255)]
            bits = 0
        }
        let dropped = result.suffix(padding)
        guard dropped.allSatisfy({ $0 == 0 }) else { return nil }
        result.removeLast(padding)
        // Unused bits of the last digit must be zero, so that each value has exactly one text.
        return encode(result).utf8.elementsEqual(bytes) ? result : nil
    }

    private static func value(of byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

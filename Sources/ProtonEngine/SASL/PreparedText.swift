// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Prepares user names and passwords for hashing and comparison (RFC 4013, SASLprep; RFC 8265, 4.2).
///
/// ASCII texts are unchanged. In other texts, all spaces become U+0020, and invisible characters are removed. There is no
/// normalization: a text that is not ASCII must have the same characters on both sides, composed as keyboards produce them (NFC).
package enum PreparedText {
    /// The maximum length of a name or a password, in bytes.
    static let maxSize = 1_024

    /// - Returns: nil if the text is empty or too long, or if it has a character that is not allowed: a control or private-use
    ///   character, a surrogate, or an unassigned code point.
    package static func prepare(_ text: some StringProtocol) -> String? {
        guard text.utf8.count <= maxSize else { return nil }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if scalar.isASCII {
                guard scalar.value >= 0x20, scalar.value != 0x7f else { return nil }
                result.append(scalar)
                continue
            }
            if isDropped(scalar) { continue }
            switch scalar.properties.generalCategory {
            case .spaceSeparator: result.append(" ")
            case .control, .format, .privateUse, .surrogate, .unassigned, .lineSeparator, .paragraphSeparator:
                return nil
            default: result.append(scalar)
            }
        }
        return result.isEmpty ? nil : String(result)
    }

    /// RFC 3454, table B.1: commonly mapped to nothing.
    private static func isDropped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00ad, 0x034f, 0x1806, 0x180b...0x180d, 0x200b...0x200d, 0x2060, 0xfe00...0xfe0f, 0xfeff: true
        default: false
        }
    }
}

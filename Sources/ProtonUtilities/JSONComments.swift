// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Syntax that people use in files of settings and that JSON does not have: comments and trailing commas.
///
/// Foundation can read them as JSON5, but some bytes in that mode, such as a number that ends in `e-`, end the process.
enum JSONComments {
    private enum Place {
        case outside, string, escape, lineComment, blockComment
    }

    /// Replaces comments (`//`, `/* */`) and trailing commas of arrays and objects by spaces.
    ///
    /// A block comment without an end stays as it is, so that the decoder rejects it.
    static func removed(from text: [UInt8]) -> [UInt8] {
        var text = text
        var place = Place.outside
        var start = 0
        /// The last byte outside of strings and comments that is not a space, and the position of the last comma, if no such byte
        /// follows it.
        var (last, comma): (UInt8?, Int?) = (nil, nil)
        var index = 0
        while index < text.count {
            let (byte, next) = (text[index], index + 1 < text.count ? text[index + 1] : 0)
            switch place {
            case .escape: place = .string
            case .string:
                if byte == UInt8(ascii: "\\") { place = .escape }
                if byte == UInt8(ascii: "\"") { place = .outside }
            case .lineComment:
                if byte == 10 || byte == 13 { place = .outside } else { text[index] = 32 }
            case .blockComment:
                if byte == UInt8(ascii: "*"), next == UInt8(ascii: "/") {
                    blank(&text, start...index + 1)
                    place = .outside
                    index += 1
                }
            case .outside:
                if byte == UInt8(ascii: "/"), next == UInt8(ascii: "/") {
                    place = .lineComment
                    text[index] = 32
                } else if byte == UInt8(ascii: "/"), next == UInt8(ascii: "*") {
                    (place, start) = (.blockComment, index)
                    index += 1
                } else if ![9, 10, 13, 32].contains(byte) {
                    if byte == UInt8(ascii: "\"") { place = .string }
                    if byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}"), let comma { text[comma] = 32 }
                    // Only a comma after a value is a trailing comma: `[,]` is not a valid array.
                    let isBehind = last.map { !"[{,:".utf8.contains($0) } ?? false
                    comma = byte == UInt8(ascii: ",") && isBehind ? index : nil
                    last = byte
                }
            }
            index += 1
        }
        return text
    }

    /// Replaces a range by spaces, but keeps line ends, so that line numbers stay the same.
    private static func blank(_ text: inout [UInt8], _ range: ClosedRange<Int>) {
        for index in range where text[index] != 10 && text[index] != 13 { text[index] = 32 }
    }
}

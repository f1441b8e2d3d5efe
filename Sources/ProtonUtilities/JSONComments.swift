// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What people write into files of settings that JSON has not: comments, and commas at ends.
///
/// Foundation reads them as JSON5, and ends the process for some bytes of that, such as a number that ends in `e-`.
enum JSONComments {
    private enum Place {
        case outside, string, escape, lineComment, blockComment
    }

    /// Puts blanks in the place of comments (`//`, `/* */`), and of commas before the end of an array or an object.
    ///
    /// What is no comment that ends stays as it is, for the decoder to refuse.
    static func removed(from text: [UInt8]) -> [UInt8] {
        var text = text
        var place = Place.outside
        var start = 0
        /// The last byte outside of strings and comments that is no blank, and where the last comma is, where nothing has
        /// come after it.
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
                    // A comma stands behind something: `[,]` is no array.
                    let isBehind = last.map { !"[{,:".utf8.contains($0) } ?? false
                    comma = byte == UInt8(ascii: ",") && isBehind ? index : nil
                    last = byte
                }
            }
            index += 1
        }
        return text
    }

    /// Blanks keep the lines of what follows.
    private static func blank(_ text: inout [UInt8], _ range: ClosedRange<Int>) {
        for index in range where text[index] != 10 && text[index] != 13 { text[index] = 32 }
    }
}

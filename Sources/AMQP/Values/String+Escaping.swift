// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Texts from peers, made safe for terminals and logs: a name or a text could forge log lines, or contain codes that change the
// display of a terminal.

extension String {
    /// The text in one line that is safe for a terminal, cut after `limit` characters. Control characters, invisible characters,
    /// and characters that change the direction of text are written as `\u{…}`.
    package func escapedForTerminal(upTo limit: Int = .max) -> String {
        escaped(upTo: limit) { $0.isHarmless }
    }

    /// A text of several lines, such as the body of a message, that is safe for a terminal.
    ///
    /// Escape sequences, and characters that change the direction of text, are written as `\u{…}`.
    package var escapedLines: String {
        escaped(upTo: .max) { $0 == "\n" || $0 == "\t" || !($0.isControl || $0.properties.isBidiControl) }
    }

    private func escaped(upTo limit: Int, _ isHarmless: (Unicode.Scalar) -> Bool) -> String {
        let isShort = limit == .max || unicodeScalars.count <= limit
        if isShort, unicodeScalars.allSatisfy(isHarmless) { return self }
        var text = ""
        for scalar in unicodeScalars.prefix(limit) {
            if isHarmless(scalar) { text.unicodeScalars.append(scalar) } else { text += scalar.code }
        }
        return isShort ? text : text + "…"
    }

    /// The text for a log line: at most 64 characters, everything but printable ASCII as `\u{…}`.
    package var escapedForLog: String { escapedForLog(upTo: 64) }

    /// The same, of at most `limit` characters.
    package func escapedForLog(upTo limit: Int) -> String {
        var text = ""
        for scalar in unicodeScalars.prefix(limit) {
            switch scalar {
            case "\\": text += "\\\\"
            case " "..."~": text.unicodeScalars.append(scalar)
            default: text += scalar.code
            }
        }
        return unicodeScalars.dropFirst(limit).isEmpty ? text : text + "…"
    }
}

extension Unicode.Scalar {
    /// Whether a terminal displays the character as it is.
    fileprivate var isHarmless: Bool {
        if isASCII { return (0x20..<0x7f).contains(value) }
        return switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: false
        default: true
        }
    }

    fileprivate var isControl: Bool { value < 0x20 || (0x7f..<0xa0).contains(value) }

    fileprivate var code: String { "\\u{\(String(value, radix: 16, uppercase: true))}" }
}

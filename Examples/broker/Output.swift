import Glibc

extension String {
    /// The text in one line that a terminal shows as it is, cut where it is longer than `limit` characters.
    ///
    /// What peers say may hold line ends, or codes that turn the terminal's text around: those become `\u{…}`.
    func printable(atMost limit: Int = .max) -> String {
        var text = ""
        for scalar in unicodeScalars.prefix(limit) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
                text += "\\u{\(String(scalar.value, radix: 16))}"
            case .spaceSeparator: text += " "
            default: text.unicodeScalars.append(scalar)
            }
        }
        return limit == .max || unicodeScalars.dropFirst(limit).isEmpty ? text : text + "…"
    }

    /// Writes the text to a descriptor, in one go where that takes it; where nobody reads any more, it is lost.
    ///
    /// Nothing is kept in a buffer: one that nobody empties would hold up the end of the program.
    func write(to descriptor: Int32) {
        var rest = Array(utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return
            }
        }
    }
}

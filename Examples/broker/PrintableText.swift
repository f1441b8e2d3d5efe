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
}

extension String {
    /// The text for a log line: at most 64 characters, everything but printable ASCII as `\u{…}`.
    ///
    /// Names come from peers: they could forge lines, or change how a terminal shows them.
    var escapedForLog: String { escapedForLog(upTo: 64) }

    /// The same, of at most `limit` characters.
    func escapedForLog(upTo limit: Int) -> String {
        var text = ""
        for scalar in unicodeScalars.prefix(limit) {
            switch scalar {
            case "\\": text += "\\\\"
            case " "..."~": text.unicodeScalars.append(scalar)
            default: text += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            }
        }
        return unicodeScalars.dropFirst(limit).isEmpty ? text : text + "…"
    }
}

extension String {
    /// The text for a log line: at most 64 characters, everything but printable ASCII as `\u{…}`.
    ///
    /// Names come from peers: they could forge lines, or change how a terminal shows them.
    var escapedForLog: String {
        var text = ""
        for scalar in unicodeScalars.prefix(64) { text += scalar.escaped(asASCII: true) }
        return unicodeScalars.dropFirst(64).isEmpty ? text : text + "…"
    }
}

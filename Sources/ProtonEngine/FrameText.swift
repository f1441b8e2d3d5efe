/// A line of proton's that tells of a frame, as `0 -> @transfer(20) [handle=0x0] (17) \x00Sw…`, without what is nobody's
/// business: what a log-in consists of, and the payload of messages beyond a bound.
enum FrameText {
    /// How long a line may be without a payload, in bytes.
    static let maxLength = 4_096

    /// - Parameter payload: how many characters of a frame's payload stay, as proton prints it.
    static func redacted(_ line: String, payload: Int) -> String {
        let text = line.utf8
        guard let at = text.firstIndex(of: UInt8(ascii: "@")) else { return bounded(line, maxLength) }
        if text[at...].starts(with: "@sasl-".utf8) { return withoutSecrets(line) }
        // What a tag or a name holds comes before: the first that looks like the end of the fields is never behind it.
        guard let end = line.range(ofFirst: "] (") else { return bounded(line, maxLength) }
        let size = text[end.upperBound...].firstIndex(of: UInt8(ascii: ")")).map(text.index(after:)) ?? text.endIndex
        let fields = bounded(String(line[..<size]), maxLength)
        let rest = line[size...]
        guard payload > 0 else { return fields }
        return fields + bounded(String(rest), payload + 1)
    }

    /// The frame's name, and of sasl-init the mechanism.
    private static func withoutSecrets(_ line: String) -> String {
        let text = line.utf8
        guard let fields = text.firstIndex(of: UInt8(ascii: "[")) else {
            return String(line[..<(text.firstIndex(of: UInt8(ascii: ")")).map(text.index(after:)) ?? text.startIndex)])
        }
        let head = line[..<fields]
        if text[fields...].starts(with: "[sasl-server-mechanisms=".utf8) { return bounded(line, maxLength) }
        guard text[fields...].starts(with: "[mechanism=".utf8),
            let end = text[fields...].firstIndex(where: { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "]") })
        else { return "\(head)[…]" }
        return "\(bounded(String(line[..<end]), 128)), …]"
    }

    private static func bounded(_ text: String, _ count: Int) -> String {
        text.utf8.count <= count ? text : String(decoding: text.utf8.prefix(count), as: UTF8.self) + "…"
    }
}

extension String {
    /// Where a text is for the first time.
    fileprivate func range(ofFirst other: String) -> Range<Index>? {
        let (text, other) = (utf8, other.utf8)
        var start = text.startIndex
        while let next = text[start...].firstIndex(of: other[other.startIndex]) {
            if text[next...].starts(with: other) { return next..<text.index(next, offsetBy: other.count) }
            start = text.index(after: next)
        }
        return nil
    }
}

/// A pattern of addresses, whose segments are separated by `/` or `.`: `*` stands for one of them, `#` at the end for any
/// number, none included.
struct AddressPattern: Hashable, Sendable {
    private enum Segment: Hashable, Sendable {
        case text(Substring)
        case any
        case rest
    }

    private let segments: [Segment]

    /// Any text is a pattern; `#` before the end stands for itself.
    init(_ text: String) {
        var segments = AddressPattern.split(text).map { $0 == "*" ? Segment.any : .text($0) }
        if segments.last == .text("#") { segments[segments.count - 1] = .rest }
        self.segments = segments
    }

    private static func split(_ address: String) -> [Substring] {
        address.split(omittingEmptySubsequences: false) { $0 == "/" || $0 == "." }
    }

    func matches(_ address: String) -> Bool {
        let parts = AddressPattern.split(address)
        for (index, segment) in segments.enumerated() {
            switch segment {
            case .rest: return true
            case .any: guard index < parts.count else { return false }
            case .text(let text): guard index < parts.count, parts[index] == text else { return false }
            }
        }
        return parts.count == segments.count
    }
}

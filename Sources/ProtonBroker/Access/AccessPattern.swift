// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The addresses of a rule: a pattern as for topics, in which `${user}` stands for the peer's user.
struct AccessPattern: Hashable, Sendable {
    private enum Part: Hashable, Sendable {
        case text([UInt8])
        case user
    }

    private enum Segment: Hashable, Sendable {
        case parts([Part])
        case any
        case rest
    }

    private let segments: [Segment]

    /// The error in the text of a pattern.
    struct Problem: Error {
        let description: String
    }

    /// - Throws: if a variable is unknown or not closed.
    init(_ text: String) throws(Problem) {
        guard !text.isEmpty else { throw Problem(description: "the address pattern is empty") }
        var segments: [Segment] = []
        for segment in AccessPattern.split(text) {
            segments.append(
                segment.elementsEqual("*".utf8) ? .any : .parts(try AccessPattern.parts(of: Array(segment))))
        }
        if segments.last == .parts([.text(Array("#".utf8))]) { segments[segments.count - 1] = .rest }
        self.segments = segments
    }

    private static func split(_ address: String) -> [Substring.UTF8View] {
        address.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { $0 }
    }

    private static func parts(of segment: [UInt8]) throws(Problem) -> [Part] {
        let (opening, variable) = (Array("${".utf8), Array("${user}".utf8))
        var parts: [Part] = []
        var text: [UInt8] = []
        var rest = segment[...]
        while let first = rest.first {
            if rest.starts(with: variable) {
                if !text.isEmpty { parts.append(.text(text)) }
                parts.append(.user)
                text = []
                rest = rest.dropFirst(variable.count)
            } else if rest.starts(with: opening) {
                throw Problem(description: "a variable is not known: the only one is ${user}")
            } else {
                text.append(first)
                rest = rest.dropFirst()
            }
        }
        if !text.isEmpty || parts.isEmpty { parts.append(.text(text)) }
        return parts
    }

    /// Whether the pattern matches an address.
    ///
    /// A variable matches text within one segment: a user whose name has a `/` or is `*` gains nothing by it.
    /// - Parameters:
    ///   - user: the value of `${user}`; with nil a pattern that contains it matches nothing.
    ///   - asPattern: whether the address is a pattern of topics: then all addresses that it matches have to match.
    func matches(_ address: String, user: UserName?, asPattern: Bool = false) -> Bool {
        let parts = AccessPattern.split(address)
        for (index, segment) in segments.enumerated() {
            if segment == .rest { return true }
            guard index < parts.count else { return false }
            let part = parts[index]
            let isRest = asPattern && index == parts.count - 1 && part.elementsEqual("#".utf8)
            switch segment {
            case .rest: return true
            case .any: if isRest { return false }
            case .parts(let expected):
                guard !isRest, !(asPattern && part.elementsEqual("*".utf8)),
                    let text = AccessPattern.text(expected, user), part.elementsEqual(text)
                else { return false }
            }
        }
        return parts.count == segments.count
    }

    private static func text(_ parts: [Part], _ user: UserName?) -> [UInt8]? {
        var text: [UInt8] = []
        for part in parts {
            switch part {
            case .text(let bytes): text += bytes
            case .user:
                guard let user else { return nil }
                text += user.text.utf8
            }
        }
        return text
    }
}

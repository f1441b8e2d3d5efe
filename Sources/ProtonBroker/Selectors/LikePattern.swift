// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The pattern of LIKE: `_` matches one character, `%` any number of characters.
struct LikePattern: Sendable, Hashable {
    private enum Part: Hashable {
        case scalar(Unicode.Scalar)
        case one
        case any
    }

    private var parts: [Part] = []

    /// Parses a pattern; after the escape character, `_`, `%` and the escape character match themselves.
    /// - Returns: nil if another character follows the escape character.
    init?(_ text: String, escape: Unicode.Scalar?) {
        var isEscaped = false
        for scalar in text.unicodeScalars {
            switch scalar {
            case "_" where isEscaped, "%" where isEscaped, escape where isEscaped:
                parts.append(.scalar(scalar))
                isEscaped = false
            case _ where isEscaped: return nil
            case escape: isEscaped = true
            case "_": parts.append(.one)
            // Several in a row match the same as one.
            case "%": if parts.last != .any { parts.append(.any) }
            default: parts.append(.scalar(scalar))
            }
        }
        if isEscaped { return nil }
    }

    /// Whether the whole text matches.
    func matches(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        var position = scalars.startIndex
        var part = 0
        // Where to continue if the part after the last `%` does not match: one character later. Backtracking to the last one is
        // enough, so that the time is at most the product of both lengths.
        var retry: (part: Int, position: String.UnicodeScalarView.Index)?
        while position < scalars.endIndex {
            if part < parts.count, parts[part] == .any {
                part += 1
                retry = (part, position)
            } else if part < parts.count, fits(parts[part], scalars[position]) {
                part += 1
                position = scalars.index(after: position)
            } else if let last = retry {
                part = last.part
                position = scalars.index(after: last.position)
                retry = (part, position)
            } else {
                return false
            }
        }
        while part < parts.count, parts[part] == .any { part += 1 }
        return part == parts.count
    }

    private func fits(_ part: Part, _ scalar: Unicode.Scalar) -> Bool {
        switch part {
        case .scalar(let own): own == scalar
        case .one: true
        case .any: false
        }
    }
}

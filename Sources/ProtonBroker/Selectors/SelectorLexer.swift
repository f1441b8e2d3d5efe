// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A token of a selector.
enum SelectorToken: Hashable {
    /// A keyword of the language, in upper case.
    case keyword(String)
    /// A name, with quotes or without.
    case identifier(String)
    /// A name with hyphens and without quotes, such as `x-y`: it may be a subtraction of two names.
    case hyphenated(String)
    case string(String)
    /// An integer without its sign.
    case exact(UInt64)
    case approximate(Double)
    /// One or two characters, such as `<=`.
    case symbol(String)
    case end
}

extension SelectorToken: CustomStringConvertible {
    /// The token in an error message.
    var description: String {
        switch self {
        case .keyword(let word), .symbol(let word), .identifier(let word), .hyphenated(let word): word.inError
        case .string: "a text"
        case .exact, .approximate: "a number"
        case .end: "the end"
        }
    }
}

/// Splits a selector into its tokens.
struct SelectorLexer {
    private let scalars: [Unicode.Scalar]
    private var offset = 0

    private static let keywords: Set<String> = [
        "AND", "OR", "NOT", "BETWEEN", "IN", "LIKE", "ESCAPE", "IS", "NULL", "TRUE", "FALSE",
    ]

    init(_ text: String) { scalars = Array(text.unicodeScalars) }

    /// The next token, and its position.
    mutating func next() throws(SelectorError) -> (SelectorToken, Int) {
        while let scalar = peek(), scalar.properties.isWhitespace { offset += 1 }
        let start = offset
        guard let scalar = peek() else { return (.end, start) }
        switch scalar {
        case "'": return (.string(try quoted("'")), start)
        case "\"": return (.identifier(try quoted("\"")), start)
        case "0"..."9": return (try number(), start)
        case "." where isDigit(peek(1)): return (try number(), start)
        case _ where isIdentifierStart(scalar): return (word(), start)
        default: return (try symbol(scalar), start)
        }
    }

    // MARK: Tokens

    /// The text between two quotes; a quote in it is doubled.
    private mutating func quoted(_ quote: Unicode.Scalar) throws(SelectorError) -> String {
        let start = offset
        var text = String.UnicodeScalarView()
        offset += 1
        while let scalar = peek() {
            offset += 1
            if scalar == quote {
                guard peek() == quote else { return String(text) }
                offset += 1
            }
            text.append(scalar)
        }
        throw SelectorError("the quote that begins here is not closed", at: start)
    }

    private mutating func word() -> SelectorToken {
        var word = take(while: isIdentifierPart)
        let upper = word.uppercased()
        // A minus may follow these directly, as in `AND-1`.
        if ["AND", "OR", "NOT", "BETWEEN"].contains(upper) { return .keyword(upper) }
        // A hyphen between letters or digits may be part of a name.
        var isHyphenated = false
        while peek() == "-", let next = peek(1), isIdentifierPart(next) {
            offset += 1
            isHyphenated = true
            word += "-" + take(while: isIdentifierPart)
        }
        if !isHyphenated, SelectorLexer.keywords.contains(upper) { return .keyword(upper) }
        return isHyphenated && !SelectorName.takesHyphens(word) ? .hyphenated(word) : .identifier(word)
    }

    private mutating func symbol(_ first: Unicode.Scalar) throws(SelectorError) -> SelectorToken {
        offset += 1
        switch (first, peek()) {
        case ("<", ">"?), ("<", "="?), (">", "="?):
            let text = String(first) + String(scalars[offset])
            offset += 1
            return .symbol(text)
        case ("=", _), ("<", _), (">", _), ("+", _), ("-", _), ("*", _), ("/", _), ("(", _), (")", _), (",", _):
            return .symbol(String(first))
        default: throw SelectorError("'\(first.escaped(asASCII: true))' has no meaning here", at: offset - 1)
        }
    }

    /// A number in Java's syntax: `57`, `0x1F`, `57L`, `7.`, `.5`, `-57.9E2`, `1.5f`.
    private mutating func number() throws(SelectorError) -> SelectorToken {
        let start = offset
        if peek() == "0", peek(1) == "x" || peek(1) == "X" {
            offset += 2
            return try exact(take { $0.properties.isASCIIHexDigit }, radix: 16, start)
        }
        var text = take(while: isDigit)
        var isExact = true
        if peek() == "." {
            isExact = false
            offset += 1
            text += "." + take(while: isDigit)
        }
        if peek() == "e" || peek() == "E" {
            isExact = false
            offset += 1
            text += "e"
            if let sign = peek(), sign == "+" || sign == "-" {
                offset += 1
                text.unicodeScalars.append(sign)
            }
            text += take(while: isDigit)
        }
        if let suffix = peek(), "fFdD".unicodeScalars.contains(suffix) {
            isExact = false
            offset += 1
        }
        if isExact { return try exact(text, radix: 10, start) }
        // Swift requires a digit on both sides of the point.
        let padded = (text.hasPrefix(".") ? "0" : "") + (text.hasSuffix(".") ? text + "0" : text)
        guard !isWordGoingOn, let number = Double(padded.replacingPoint()), number.isFinite else {
            throw SelectorError("this is no number", at: start)
        }
        return .approximate(number)
    }

    private mutating func exact(
        _ digits: String, radix: Int, _ start: Int
    ) throws(SelectorError) -> SelectorToken {
        if peek() == "l" || peek() == "L" { offset += 1 }
        guard !isWordGoingOn, !digits.isEmpty else { throw SelectorError("this is no number", at: start) }
        guard let number = UInt64(digits, radix: radix) else {
            throw SelectorError("this number is too large", at: start)
        }
        return .exact(number)
    }

    // MARK: Characters

    private func peek(_ distance: Int = 0) -> Unicode.Scalar? {
        scalars.indices.contains(offset + distance) ? scalars[offset + distance] : nil
    }

    /// Whether a letter follows a number, as in `5x`.
    private var isWordGoingOn: Bool { peek().map(isIdentifierStart) ?? false }

    private mutating func take(while isWanted: (Unicode.Scalar) -> Bool) -> String {
        var text = String.UnicodeScalarView()
        while let scalar = peek(), isWanted(scalar) {
            text.append(scalar)
            offset += 1
        }
        return String(text)
    }
}

private func isDigit(_ scalar: Unicode.Scalar?) -> Bool {
    if let scalar { "0"..."9" ~= scalar } else { false }
}

private func isIdentifierPart(_ scalar: Unicode.Scalar) -> Bool {
    isIdentifierStart(scalar) || isDigit(scalar) || scalar == "."
}

private func isIdentifierStart(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "_" || scalar == "$" || scalar.properties.isAlphabetic
}

extension String {
    /// The text for an error message: a peer chose it, and it may be long.
    var inError: String { "'\(escapedForLog)'" }

    /// The text of a number with a digit between the point and the exponent, as in `7.e3`.
    fileprivate func replacingPoint() -> String {
        guard let point = firstIndex(of: "."), index(after: point) < endIndex, self[index(after: point)] == "e" else {
            return self
        }
        return self[...point] + "0" + self[index(after: point)...]
    }
}

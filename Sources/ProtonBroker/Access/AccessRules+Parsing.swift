// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension AccessRules {
    /// The maximum number of lines: more would be slow to evaluate at each attach.
    private static let maxLines = 10_000

    /// The error in a line.
    private struct Problem: Error {
        let description: String

        init(_ description: String) { self.description = description }
    }

    /// A word of a line.
    private struct Word {
        let text: String
        /// Whether it was in quotes: then it is a name, and not a sign.
        let isQuoted: Bool

        func isSign(_ sign: String) -> Bool { !isQuoted && text == sign }
    }

    /// Adds the rules of a text.
    mutating func parse(_ text: String, _ source: String) throws(ProtonError) {
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        guard lines.count <= AccessRules.maxLines else {
            throw ProtonError(
                .invalidArgument,
                "\(source): has \(lines.count) lines, and may have \(AccessRules.maxLines): use groups and patterns.")
        }
        var uses: [(group: String, line: Int)] = []
        for (index, line) in lines.enumerated() {
            do throws(Problem) {
                let words = try AccessRules.words(of: line)
                guard let first = words.first else { continue }
                if first.isSign("group") {
                    try addGroup(Array(words.dropFirst()))
                } else if first.isSign("allow") {
                    let rule = try AccessRules.rule(Array(words.dropFirst()))
                    if case .group(let name) = rule.subject { uses.append((name, index + 1)) }
                    rules.append(rule)
                } else {
                    throw Problem("begins with '\(first.text.escapedForLog)': a line begins with allow, group or #")
                }
            } catch {
                throw AccessRules.error(source, index + 1, error.description)
            }
        }
        // A group may come after the rules that use it.
        if let use = uses.first(where: { groups[$0.group] == nil }) {
            let name = use.group.escapedForLog
            throw AccessRules.error(
                source, use.line, "is about the group '\(name)', which no line declares: add 'group \(name) USER…'")
        }
    }

    private static func error(_ source: String, _ line: Int, _ text: String) -> ProtonError {
        ProtonError(.invalidArgument, "\(source): line \(line): \(text).")
    }

    private mutating func addGroup(_ words: [Word]) throws(Problem) {
        guard words.count >= 2 else { throw Problem("must be: group NAME USER…") }
        let name = words[0]
        guard name.isQuoted || !(name.text.hasPrefix("@") || name.text == "*") else {
            throw Problem("the group's name is '\(name.text.escapedForLog)': write it without @, and not as *")
        }
        for word in words.dropFirst() {
            guard word.isQuoted || !(word.text.hasPrefix("@") || word.text == "*") else {
                throw Problem("'\(word.text.escapedForLog)' is no user: a group has users, and no groups")
            }
            groups[name.text, default: []].insert(UserName(word.text))
        }
    }

    private static func rule(_ words: [Word]) throws(Problem) -> Rule {
        guard words.count == 3 else { throw Problem("must be: allow USER|@GROUP|* ACTION[,ACTION…]|* ADDRESSES") }
        let pattern: AccessPattern
        do throws(AccessPattern.Problem) {
            pattern = try AccessPattern(words[2].text)
        } catch {
            throw Problem(error.description)
        }
        return Rule(subject: try subject(words[0]), actions: try actions(words[1]), pattern: pattern)
    }

    private static func subject(_ word: Word) throws(Problem) -> Subject {
        if word.isSign("*") { return .everybody }
        if word.isSign(Principal.anonymousName) { return .anonymous }
        if !word.isQuoted, word.text.hasPrefix("@") { return .group(String(word.text.dropFirst())) }
        guard !word.text.isEmpty else { throw Problem("the user's name is empty") }
        return .user(UserName(word.text))
    }

    private static func actions(_ word: Word) throws(Problem) -> Set<Action> {
        if word.isSign("*") { return Set(Action.allCases) }
        var actions: Set<Action> = []
        for name in word.text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let action = Action(rawValue: String(name)) else {
                let all = Action.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem("'\(String(name).escapedForLog)' is no action: those are \(all), and * for all")
            }
            actions.insert(action)
        }
        return actions
    }

    /// The words of a line; none for a comment.
    private static func words(of line: Substring) throws(Problem) -> [Word] {
        var words: [Word] = []
        var rest = line.unicodeScalars[...]
        while true {
            rest = rest.drop { $0.properties.isWhitespace }
            guard let first = rest.first else { return words }
            if words.isEmpty, first == "#" { return [] }
            if first == "\"" {
                words.append(Word(text: try quoted(&rest), isQuoted: true))
                guard rest.first?.properties.isWhitespace ?? true else {
                    throw Problem("a space is missing after a closing quote")
                }
            } else {
                let word = rest.prefix { !$0.properties.isWhitespace }
                rest = rest.dropFirst(word.count)
                words.append(Word(text: String(word), isQuoted: false))
            }
        }
    }

    /// Takes a word in quotes from the start of `rest`.
    private static func quoted(_ rest: inout Substring.UnicodeScalarView) throws(Problem) -> String {
        var text = ""
        rest.removeFirst()
        while let scalar = rest.popFirst() {
            if scalar == "\"" { return text }
            guard scalar == "\\" else {
                text.unicodeScalars.append(scalar)
                continue
            }
            guard let escaped = rest.popFirst(), escaped == "\"" || escaped == "\\" else {
                throw Problem("a backslash in quotes is followed by neither a quote nor a backslash")
            }
            text.unicodeScalars.append(escaped)
        }
        throw Problem("a quote is not closed")
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonBroker

/// Whatever a selector says and a message holds, parsing and evaluation come to an end, without a trap.
struct SelectorPropertyTests {
    private static let words = [
        "AND", "OR", "NOT", "BETWEEN", "IN", "LIKE", "ESCAPE", "IS", "NULL", "TRUE", "FALSE", "(", ")", ",", "=", "<>",
        "<", "<=", ">", ">=", "+", "-", "*", "/", "a", "b", "c", "'x'", "'%_'", "''", "'!'", "0", "1",
        "9223372036854775807", "9223372036854775808", "1e308", ".5", "7.", "0xff", "JMSPriority", "amqp.subject", "'",
        "\"a\"", "\u{1F600}", "#", "\0",
    ]
    private static let values: [AMQPValue] = [
        .null, true, false, 0, 1, .long(.min), .long(.max), .ulong(.max), .double(.nan), .double(.infinity),
        .float(-0.0), "x", "", "%_!", "e\u{301}", .symbol("s"), [1], .map([:]), .binary([0]), .char("c"),
        .uuid(.random()),
        .timestamp(.init(milliseconds: .min)), .byte(-1),
    ]

    private func subject(_ generator: inout some RandomNumberGenerator) -> Subject {
        var subject = Subject()
        for name in ["a", "b", "c"] where Bool.random(using: &generator) {
            subject.properties[name] = SelectorPropertyTests.values.randomElement(using: &generator)
        }
        subject.fields[.priority] = SelectorValue(SelectorPropertyTests.values.randomElement(using: &generator))
        return subject
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func anyWordsParseOrAreRefused(seed: UInt64) {
        var generator = SplitMix(state: seed)
        for _ in 0..<4_000 {
            let count = Int.random(in: 0...12, using: &generator)
            let text = (0..<count).compactMap { _ in SelectorPropertyTests.words.randomElement(using: &generator) }
                .joined(separator: Bool.random(using: &generator) ? " " : "")
            do throws(SelectorError) {
                let selector = try Selector(text)
                for _ in 0..<3 { _ = selector.matches(subject(&generator)) }
            } catch {
                #expect(error.position >= 1 && error.position <= text.unicodeScalars.count + 1, "\(text)")
            }
        }
    }

    /// Conditions that are made by the grammar always parse, and their value is that of a plain computation.
    @Test(arguments: [4, 5] as [UInt64])
    func whatTheGrammarMakesIsEvaluated(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        for _ in 0..<500 {
            let text = condition(6, &generator)
            let selector = try Selector(text)
            for _ in 0..<5 {
                let subject = subject(&generator)
                let isTrue = selector.matches(subject)
                let isFalse = try Selector("NOT (\(text))").matches(subject)
                #expect(!(isTrue && isFalse), "\(text)")
                // De Morgan, in three values.
                #expect(try Selector("NOT (NOT (\(text)) OR NOT (\(text)))").matches(subject) == isTrue, "\(text)")
            }
        }
    }

    private func condition(_ depth: Int, _ generator: inout some RandomNumberGenerator) -> String {
        let kind = depth == 0 ? 3 : Int.random(in: 0...8, using: &generator)
        switch kind {
        case 0: return "(\(condition(depth - 1, &generator)) AND \(condition(depth - 1, &generator)))"
        case 1: return "(\(condition(depth - 1, &generator)) OR \(condition(depth - 1, &generator)))"
        case 2: return "NOT \(condition(depth - 1, &generator))"
        case 3: return "a"
        case 4: return "\(number(depth, &generator)) <= \(number(depth, &generator))"
        case 5:
            return "\(number(depth, &generator)) BETWEEN \(number(depth, &generator)) AND \(number(depth, &generator))"
        case 6: return "b LIKE '%x_'"
        case 7: return "c IN ('x', 1, -1.5)"
        default: return "b IS NOT NULL"
        }
    }

    private func number(_ depth: Int, _ generator: inout some RandomNumberGenerator) -> String {
        let kind = depth == 0 ? 0 : Int.random(in: 0...4, using: &generator)
        switch kind {
        case 0: return ["a", "b", "1", "9223372036854775807", "1e300"].randomElement(using: &generator) ?? "1"
        case 1: return "(\(number(depth - 1, &generator)) * \(number(depth - 1, &generator)))"
        case 2: return "(\(number(depth - 1, &generator)) / \(number(depth - 1, &generator)))"
        case 3: return "(\(number(depth - 1, &generator)) - \(number(depth - 1, &generator)))"
        default: return "-\(number(depth - 1, &generator))"
        }
    }

    /// The pattern of LIKE against a matcher that tries everything.
    @Test func likeFindsWhatTryingEverythingFinds() throws {
        var generator = SplitMix(state: 6)
        for _ in 0..<5_000 {
            let text = (0..<Int.random(in: 0...8, using: &generator)).map { _ in random("ab", &generator) }.joined()
            let pattern = (0..<Int.random(in: 0...6, using: &generator)).map { _ in random("ab%_", &generator) }
                .joined()
            let like = try #require(LikePattern(pattern, escape: nil))
            #expect(like.matches(text) == fits(Array(text)[...], Array(pattern)[...]), "\(text) LIKE \(pattern)")
        }
    }

    private func random(_ letters: String, _ generator: inout some RandomNumberGenerator) -> String {
        letters.randomElement(using: &generator).map { String($0) } ?? ""
    }

    private func fits(_ text: ArraySlice<Character>, _ pattern: ArraySlice<Character>) -> Bool {
        guard let first = pattern.first else { return text.isEmpty }
        if first == "%" {
            return fits(text, pattern.dropFirst()) || (!text.isEmpty && fits(text.dropFirst(), pattern))
        }
        return !text.isEmpty && (first == "_" || first == text.first) && fits(text.dropFirst(), pattern.dropFirst())
    }
}

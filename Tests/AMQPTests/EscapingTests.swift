// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// What a peer says, as a terminal or a log shows it.
struct EscapingTests {
    @Test(arguments: [
        ("plain text, ünïcode and 漢字 too", "plain text, ünïcode and 漢字 too"),
        ("\u{1B}[2J\u{1B}]0;title\u{7}", "\\u{1B}[2J\\u{1B}]0;title\\u{7}"),
        ("a\nb\r\tc\u{0}", "a\\u{A}b\\u{D}\\u{9}c\\u{0}"),
        ("\u{202E}exe.txt\u{2066}\u{200B}", "\\u{202E}exe.txt\\u{2066}\\u{200B}"),
        ("\u{9B}31m\u{7F}\u{2028}\u{E000}", "\\u{9B}31m\\u{7F}\\u{2028}\\u{E000}"),
        ("", ""),
    ])
    func aTerminalShowsItAsItIs(text: String, shown: String) {
        #expect(text.escapedForTerminal() == shown)
        #expect(text.escapedForTerminal().escapedForTerminal() == shown)
    }

    @Test func itIsCut() {
        #expect("12345".escapedForTerminal(upTo: 5) == "12345")
        #expect("123456".escapedForTerminal(upTo: 5) == "12345…")
        #expect("1\u{1B}345".escapedForTerminal(upTo: 2) == "1\\u{1B}…")
    }

    @Test func severalLines() {
        #expect("a\tb\nc\u{1B}[0m".escapedLines == "a\tb\nc\\u{1B}[0m")
        #expect("\u{202E}👩\u{200D}👩\u{200B}\u{9B}".escapedLines == "\\u{202E}👩\u{200D}👩\u{200B}\\u{9B}")
    }

    @Test func aLogHasASCIIOnly() {
        #expect("ä\\b\n".escapedForLog == "\\u{E4}\\\\b\\u{A}")
        #expect(String(repeating: "x", count: 65).escapedForLog == String(repeating: "x", count: 64) + "…")
    }

    /// What a program prints of a value that came from a peer.
    @Test func descriptionsOfValues() {
        #expect("\(AMQPValue.string("a\u{1B}[2Jb\nc"))" == "a\\u{1B}[2Jb\nc")
        #expect("\(AMQPValue.symbol("a\u{1B}"))" == "a\\u{1B}" && "\(Symbol("a\u{1B}"))" == "a\\u{1B}")
        #expect("\(AMQPValue.char("\u{202E}"))" == "\\u{202E}")
        #expect("\(Message.Body.value("\u{1B}"))" == "\\u{1B}")
        #expect(AMQPValue.string("a\u{1B}").stringValue == "a\u{1B}")
    }
}

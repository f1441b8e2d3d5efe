// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ArgumentParser
import Glibc
import Testing

@testable import AMQPTool

/// Arguments that are checked before anything is connected to.
struct ArgumentTests {
    @Test(
        "Times",
        arguments: [
            ("10", 10_000), ("0.5s", 500), ("500ms", 500), ("2m", 120_000), ("1h", 3_600_000), ("30d", 2_592_000_000),
        ])
    func times(text: String, milliseconds: Int) {
        #expect(TimeSpan(argument: text)?.duration == .milliseconds(milliseconds))
    }

    @Test("What is no time", arguments: ["", "0", "-1", "x", "1w", "nan", "inf", "31d", "0.1ms", "1e400"])
    func noTimes(text: String) { #expect(TimeSpan(argument: text) == nil) }

    @Test("Rates", arguments: [("100", 100.0), ("100/s", 100), ("60/m", 1), ("3600/h", 1), ("0.5", 0.5)])
    func rates(text: String, perSecond: Double) { #expect(Rate(argument: text)?.perSecond == perSecond) }

    @Test("What is no rate", arguments: ["", "0", "-1", "x", "1/d", "nan", "inf", "1e9"])
    func noRates(text: String) { #expect(Rate(argument: text) == nil) }

    @Test("Options become the fields of a message")
    func message() throws {
        let command = try SendCommand.parse([
            "q", "text", "--durable", "--priority", "9", "--ttl", "1.5", "--id", "5", "--id-type", "ulong", "--subject",
            "s {n}", "--reply-to", "r", "--correlation-id", "c", "--content-type", "text/plain", "--content-encoding",
            "gzip", "--to", "t", "--user-id", "me", "--group-id", "g", "--group-sequence", "3", "--reply-to-group-id",
            "rg", "-p", "a=x", "--property", "b:int={n}", "--annotation", "x-opt-a:bool=true",
            "--delivery-annotation", "d=1", "--footer", "f:null=",
        ])
        let expected = Message(
            id: 5, body: "hi", address: "t", subject: "s 2", replyTo: "r", correlationID: "c",
            properties: ["a": "x", "b": .int(2)], annotations: ["x-opt-a": true], contentType: "text/plain",
            contentEncoding: "gzip", isDurable: true, priority: 9, timeToLive: .milliseconds(1_500),
            userID: Array("me".utf8), groupID: "g", groupSequence: 3, replyToGroupID: "rg",
            deliveryAnnotations: ["d": "1"], footer: ["f": .null])
        #expect(try command.options.message(body: "hi", number: 2) == expected)
    }

    @Test(
        "Wrong arguments are told",
        arguments: [
            (["send"], "<address>"), (["send", "q", "x", "--lines"], "--lines"),
            (["send", "q", "x", "--count", "0"], "--count"),
            (["send", "q", "x", "--file", "y"], "one body"), (["send", "q", "x", "-p", "a"], "--property"),
            (["send", "q", "x", "--id", "x", "--id-type", "ulong"], "--id"),
            (["send", "q", "x", "--id", "x", "--id-type", "int"], "--id-type"),
            (["send", "q", "x", "--annotation", "é=1"], "ASCII"), (["send", "q", "x", "--content-type", "é"], "ASCII"),
            (["send", "q", "x", "--json", "--text"], "--text"),
            (["send", "q", "x", "--url", "a", "--context", "b"], "--context"),
            (["send", "q", "x", "--key", "k"], "--cert"), (["send", "q", "x", "--priority", "256"], "--priority"),
            (["receive", "q", "--count", "-1"], "--count"), (["receive", "q", "-o", "xml"], "xml"),
            (["receive", "q", "--browse", "--no-accept"], "--no-accept"), (["request", "q", "--id", "5"], "--id"),
            (["respond", "q"], "--echo"), (["respond", "q", "--echo", "--", "cat"], "--echo"),
            (["respond", "q", "--echo", "--concurrency", "0"], "--concurrency"),
            (["move", "a", "a"], "same address"), (["copy", "a", "b", "--to-user", "x"], "--to-url"),
            (["move", "a", "b", "--to-url", "x", "--to-context", "y"], "--to-context"),
            (["purge", "a", "-n", "0"], "--count"),
            (["context", "add", "a b", "--url", "x"], "blanks"), (["context", "add", "a"], "--url"),
            (["context", "select"], "--none"), (["what"], "what"),
        ])
    func wrong(arguments: [String], message: String) {
        let error = #expect(throws: (any Error).self) { try RootCommand.parseAsRoot(arguments) }
        guard let error else { return }
        #expect(RootCommand.exitCode(for: error).rawValue == EX_USAGE)
        #expect(RootCommand.message(for: error).contains(message), "\(RootCommand.message(for: error))")
    }

    @Test("Where a body comes from")
    func bodySource() throws {
        #expect(try BodySource.choose(text: "a", file: nil, isInputATerminal: false) == .text("a"))
        #expect(try BodySource.choose(text: nil, file: "f", isInputATerminal: false) == .file("f"))
        #expect(try BodySource.choose(text: nil, file: "-", isInputATerminal: true) == .standardInput)
        #expect(try BodySource.choose(text: nil, file: nil, isInputATerminal: false) == .standardInput)
        #expect(try BodySource.choose(text: nil, file: nil, isInputATerminal: true) == .none)
    }

    @Test("How a body is sent")
    func bodyForm() throws {
        #expect(try BodyForm.text.body([104, 105]) == "hi")
        #expect(try BodyForm.bytes.body([104, 255]) == .data([104, 255]))
        #expect(try BodyForm.json.body(Array("[1]".utf8)) == .value(.list([.long(1)])))
        #expect(throws: ToolError.self) { try BodyForm.text.body([255]) }
        #expect(throws: ToolError.self) { try BodyForm.json.body([255]) }
    }
}

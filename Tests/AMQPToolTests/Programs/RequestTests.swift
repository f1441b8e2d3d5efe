// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ProtonTesting
import TestPrograms
import Testing

/// `amqp request` and `amqp respond`.
@Suite(.serialized)
struct RequestTests {
    /// Starts `amqp respond`, and waits until it answers.
    private func respond(_ tool: Tool, _ arguments: [String]) throws -> Tool.Started {
        // Its standard error tells that it answers: it goes to its output here.
        try tool.start(arguments)
    }

    @Test("A response has the form of its request")
    func forms() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            let server = try respond(tool, ["respond", "up", "--count", "4", "--", "tr", "a-z", "A-Z"])
            let text = try tool.run("request", "up", "tea", "-o", "json")
            #expect(text.output.contains(#""body-type":"value","body":"TEA"}"#), "\(text)")
            #expect(text.output.contains(#""correlation-id""#))
            #expect(
                try tool.run("request", "up", "--bytes", "tea", "-o", "json").output.contains(#""data","body":"TEA"}"#))
            expectDone(try tool.run("request", "up", "--json", #"{"a":1}"#), "{\"A\":1}\n", errors: "")
            expectDone(try tool.run("request", "up", "-o", "raw", input: "tea\n"), "TEA\n")
            let run = server.finish()
            #expect(run.ending == .exited(0))
            #expect(run.errors == "Answering requests to up: Control-C ends.\n")
        }
    }

    @Test("A command can have the whole request, and its output can be JSON")
    func inputForm() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            let server = try respond(
                tool, ["respond", "json", "--count", "1", "--input", "json", "--json", "--", "cat"])
            let run = try tool.run("request", "json", "tea", "--subject", "s", "-o", "json")
            #expect(run.output.contains(#""body":{"body":"tea","body-type":"value","properties":{"#), "\(run.output)")
            #expect(server.finish().ending == .exited(0))
        }
    }

    @Test("A command that fails has its request rejected, and says why")
    func failingCommand() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            let server = try respond(tool, ["respond", "bad", "--count", "1", "--", "sh", "-c", "exit 7"])
            expectFailure(try tool.run("request", "bad", "x", "--timeout", "2s"), 4, "No response has come")
            let run = server.finish()
            #expect(run.errors.contains("warning: sh: ended with exit code 7."), "\(run.errors)")
            #expect(run.ending == .exited(0))
        }
    }

    @Test("Nobody answers")
    func nobody() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            expectFailure(
                try tool.run("request", "nobody", "x", "--timeout", "300ms"), 4, "Does somebody answer at nobody?")
        }
    }

    @Test("A queue of the program's own takes the responses")
    func replyTo() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            let server = try respond(tool, ["respond", "echo", "--echo", "--count", "1"])
            expectDone(try tool.run("request", "echo", "x", "--reply-to", "answers"), "x\n")
            #expect(server.finish().ending == .exited(0))
            #expect(broker.status.queue("answers")?.waiting ?? 0 == 0)
        }
    }

    @Test("A signal ends it once what is in hand is answered", arguments: [SIGINT, SIGTERM])
    func signal(number: Int32) throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            let (started, go) = (try Fifo("\(tool.folder)/started"), try Fifo("\(tool.folder)/go"))
            let script = "echo > \(started.path); read line < \(go.path); echo done"
            let server = try respond(tool, ["respond", "slow", "--", "sh", "-c", script])
            let client = try tool.start(["request", "slow", "x"])
            try started.waitForLine()
            #expect(kill(server.program.pid, number) == 0)
            try go.writeLine()
            expectDone(client.finish(), "done\n\n")
            #expect(server.finish().ending == .exited(0))
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ProtonBroker
import ProtonTesting
import TestPrograms
import Testing

/// `amqp send` and `amqp receive` with our broker.
@Suite(.serialized)
struct SendReceiveTests {
    @Test("A message arrives with all that was said of it")
    func allOptions() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            expectDone(
                try tool.run(
                    "send", "q", "hello", "--durable", "--priority", "7", "--id", "5", "--id-type", "ulong",
                    "--subject", "s",
                    "-p", "a:uint=5", "-p", "t:timestamp=0", "-p", "b:binary=AAE=", "--annotation", "x-opt-a=x"), "",
                errors: "1 accepted\n")
            expectDone(
                try tool.run("receive", "q", "--drain", "-o", "json"),
                """
                {"header":{"durable":true,"priority":7},"message-annotations":{"x-opt-a":"x"},"properties":{"message-id":{"$ulong":5},\
                "subject":"s"},"application-properties":{"a":{"$uint":5},"t":{"$timestamp":"1970-01-01T00:00:00.000Z"},\
                "b":{"$base64":"AAE="}},"body-type":"value","body":"hello"}\n
                """)
        }
    }

    @Test("A body is an argument, a file, standard input or JSON")
    func bodies() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            try Data([0, 255]).write(to: URL(fileURLWithPath: "\(tool.folder)/file"))
            expectDone(try tool.run("send", "q", "text"), "")
            expectDone(try tool.run("send", "q", "--file", "file"), "")
            expectDone(try tool.run("send", "q", input: "input\n"), "")
            expectDone(try tool.run("send", "q", "--file", "-", "--text", input: "as text"), "")
            expectDone(try tool.run("send", "q", "--json", #"{"a": [1, {"$uint": 2}]}"#), "")
            expectDone(try tool.run("send", "q", "text", "--bytes"), "")
            expectDone(try tool.run("send", "q"), "")
            let run = try tool.run("receive", "q", "--drain", "-o", "json")
            #expect(
                run.lines == [
                    #"{"body-type":"value","body":"text"}"#, #"{"body-type":"data","body":{"$base64":"AP8="}}"#,
                    #"{"body-type":"data","body":"input\n"}"#, #"{"body-type":"value","body":"as text"}"#,
                    #"{"body-type":"value","body":{"a":[1,{"$uint":2}]}}"#, #"{"body-type":"data","body":"text"}"#,
                    #"{"body-type":"data","body":""}"#,
                ])
        }
    }

    @Test("Lines of standard input, as they come")
    func lines() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            let send = try tool.start(["send", "q", "--lines"], input: .open)
            let receive = try tool.start(["receive", "q"])
            for word in ["one", "two", ""] {
                send.program.write("\(word)\n")
                #expect(receive.program.readLine() == word)
            }
            send.program.closeInput()
            expectDone(send.finish(), "", errors: "3 accepted\n")
            #expect(kill(receive.program.pid, SIGINT) == 0)
            expectDone(receive.finish(), "one\ntwo\n\n", errors: "")
        }
    }

    @Test("Many messages have their numbers, and arrive in order")
    func count() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            expectDone(
                try tool.run("send", "q", "message {n}", "--count", "3000", "--id", "id-{n}"), "",
                errors: "3000 accepted\n")
            let run = try tool.run("receive", "q", "--count", "3000")
            #expect(run.lines == (1...3_000).map { "message \($0)" })
            #expect(run.ending == .exited(0))
            #expect(broker.status.queue("q")?.waiting ?? 0 == 0)
        }
    }

    @Test("A rate is kept", .timeLimit(.minutes(1)))
    func rate() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            let start = ContinuousClock.now
            expectDone(try tool.run("send", "q", "x", "--count", "6", "--rate", "10"), "")
            #expect(ContinuousClock.now - start >= .milliseconds(500))
        }
    }

    @Test("--count takes so many, and leaves the rest as it was")
    func exactCount() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            expectDone(try tool.run("send", "q", "{n}", "--count", "5"), "")
            expectDone(try tool.run("receive", "q", "-n", "2"), "1\n2\n")
            // The others were not delivered: their delivery count is 0.
            expectDone(
                try tool.run("receive", "q", "--drain", "-o", "json"),
                (3...5).map { "{\"body-type\":\"value\",\"body\":\"\($0)\"}\n" }.joined())
        }
    }

    @Test("--drain ends at once where nothing is there, and takes all that is", arguments: [0, 99, 100, 101, 350])
    func drain(count: Int) throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            if count > 0 { expectDone(try tool.run("send", "q", "{n}", "--count", "\(count)"), "") }
            let run = try tool.run("receive", "q", "--drain")
            #expect(run.lines == (0..<count).map { "\($0 + 1)" })
            #expect(run.ending == .exited(0))
        }
    }

    @Test("--browse leaves messages where they are")
    func browse() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            expectDone(try tool.run("send", "q", "{n}", "--count", "250"), "")
            for _ in 1...2 {
                #expect(try tool.run("receive", "q", "--browse", "--drain").lines == (1...250).map(String.init))
            }
            #expect(broker.status.queue("q")?.waiting == 250)
        }
    }

    @Test("--no-accept gives messages back")
    func noAccept() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            expectDone(try tool.run("send", "q", "{n}", "--count", "3"), "")
            expectDone(try tool.run("receive", "q", "--no-accept", "--drain"), "1\n2\n3\n")
            expectDone(try tool.run("receive", "q", "--drain"), "1\n2\n3\n")
        }
    }

    @Test("Messages that were saved are sent again as they were")
    func savedMessages() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            expectDone(try tool.run("send", "q", "{n}", "-n", "3", "--id", "{n}", "-p", "n:uint={n}", "--durable"), "")
            expectDone(try tool.run("send", "q", "--bytes", input: "\u{1}"), "")
            let saved = try tool.run("receive", "q", "--drain", "-o", "json").output
            expectDone(try tool.run("send", "q", "--lines", "--message", input: saved), "", errors: "4 accepted\n")
            expectDone(try tool.run("receive", "q", "--drain", "-o", "json"), saved)
            expectFailure(try tool.run("send", "q", "--message", "hello"), 1, "amqp receive -o json")
        }
    }

    @Test("--selector chooses")
    func selector() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            for size in 1...4 {
                expectDone(try tool.run("send", "q", "\(size)", "-p", "size:int=\(size)", "--quiet"), "")
            }
            expectDone(try tool.run("receive", "q", "--drain", "--selector", "size > 2"), "3\n4\n")
            expectFailure(try tool.run("receive", "q", "--drain", "--selector", "size >"), 3, "selector")
        }
    }

    @Test("Raw output is the bytes of the bodies")
    func raw() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            expectDone(try tool.run("send", "q", "a"), "")
            expectDone(try tool.run("send", "q", "--bytes", input: "b\n"), "")
            expectDone(try tool.run("receive", "q", "--drain", "-o", "raw"), "ab\n")
        }
    }

    @Test("A prefix is put before addresses")
    func prefix() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            expectDone(try tool.run("send", "q", "x", "--prefix", "/queues/"), "")
            expectDone(try tool.run("receive", "/queues/q", "-n", "1"), "x\n")
        }
    }
}

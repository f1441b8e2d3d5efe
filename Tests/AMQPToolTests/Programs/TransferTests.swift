// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ProtonBroker
import ProtonTesting
import Testing

/// `amqp move`, `amqp copy` and `amqp purge`.
@Suite(.serialized)
struct TransferTests {
    /// A broker whose queue `full` takes three messages, and rejects others.
    private var options: BrokerOptions {
        var options = BrokerOptions()
        options.queues = [QueueDeclaration("full", limits: QueueLimits(messages: 3, policy: .reject))]
        return options
    }

    private func fill(_ tool: Tool, _ count: Int) throws {
        expectDone(try tool.run("send", "q", "{n}", "--count", "\(count)", "-p", "n:int={n}", "-q"), "", errors: "")
    }

    @Test("All that waits is moved, in order and as it is")
    func move() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            try fill(tool, 250)
            expectDone(try tool.run("move", "q", "r"), "", errors: "250 moved\n")
            #expect(broker.status.queue("q")?.waiting ?? 0 == 0)
            let run = try tool.run("receive", "r", "--drain", "-o", "json")
            #expect(
                run.lines
                    == (1...250).map {
                        #"{"application-properties":{"n":{"$int":\#($0)}},"body-type":"value","body":"\#($0)"}"#
                    })
        }
    }

    @Test("A number of messages, and those of a selector")
    func some() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            try fill(tool, 10)
            expectDone(try tool.run("move", "q", "r", "--count", "2", "--selector", "n > 5"), "", errors: "2 moved\n")
            expectDone(try tool.run("receive", "r", "--drain"), "6\n7\n")
            #expect(broker.status.queue("q")?.waiting == 8)
        }
    }

    @Test("What the target rejects stays at the source")
    func rejected() throws {
        try withBroker(options: options) { broker in
            let tool = try Tool(broker.address)
            try fill(tool, 10)
            expectFailure(try tool.run("move", "q", "full"), 3, "3 accepted")
            #expect(try tool.run("receive", "full", "--drain").lines == ["1", "2", "3"])
            let rest = try tool.run("receive", "q", "--drain").lines
            #expect(rest.sorted { Int($0) ?? 0 < Int($1) ?? 0 } == (4...10).map(String.init))
        }
    }

    @Test("A target that is refused changes nothing")
    func refused() throws {
        var options = BrokerOptions()
        options.makesQueues = false
        options.queues = [QueueDeclaration("q")]
        try withBroker(options: options) { broker in
            let tool = try Tool(broker.address)
            try fill(tool, 3)
            expectFailure(try tool.run("move", "q", "r"), 3, "r")
            expectFailure(try tool.run("move", "none", "q"), 3, "none")
            #expect(broker.status.queue("q")?.waiting == 3)
        }
    }

    @Test("A copy leaves the source as it is")
    func copy() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            try fill(tool, 150)
            expectDone(try tool.run("copy", "q", "r"), "", errors: "150 copied\n")
            expectDone(try tool.run("copy", "q", "r", "-n", "5"), "", errors: "5 copied\n")
            #expect(broker.status.queue("q")?.waiting == 150)
            #expect(broker.status.queue("r")?.waiting == 155)
        }
    }

    @Test("From one broker to another, by its URL and by a context")
    func otherBroker() throws {
        try withBroker { first in
            try withBroker { second in
                let tool = try Tool(first.address)
                try fill(tool, 5)
                expectDone(try tool.run("copy", "q", "q", "--to-url", second.address), "", errors: "5 copied\n")
                expectDone(try tool.run("context", "add", "second", "--url", second.address), "")
                expectDone(try tool.run("move", "q", "q", "--to-context", "second"), "", errors: "5 moved\n")
                #expect(first.status.queue("q")?.waiting ?? 0 == 0)
                #expect(second.status.queue("q")?.waiting == 10)
                expectFailure(try tool.run("move", "q", "q", "--to-url", first.address), 64, "the same address")
                expectFailure(try tool.run("move", "q", "r", "--to-url", "127.0.0.1:1"), 2, "127.0.0.1:1")
            }
        }
    }

    @Test("Purging takes away all that waits, and says how many", arguments: ["purge", "drain"])
    func purge(command: String) throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            try fill(tool, 120)
            expectFailure(try tool.run(command, "q"), 64, "--force")
            #expect(broker.status.queue("q")?.waiting == 120)
            expectDone(try tool.run(command, "q", "--force", "--selector", "n <= 20"), "20\n")
            expectDone(try tool.run(command, "q", "-f", "-n", "10"), "10\n")
            expectDone(try tool.run(command, "q", "-f"), "90\n", errors: "")
            expectDone(try tool.run(command, "q", "-f"), "0\n")
        }
    }
}

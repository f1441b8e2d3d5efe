// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Proton
import ProtonBroker
import ProtonTesting
import TestPrograms
import Testing

/// How the program ends: its exit codes, signals, and readers that go away.
@Suite(.serialized)
struct EndTests {
    @Test("Nobody listens: one line, at once", .timeLimit(.minutes(1)))
    func notConnected() throws {
        let tool = try Tool("127.0.0.1:1")
        expectFailure(try tool.run("send", "q", "x"), 2, "Is a broker running there?")
        expectFailure(try tool.run("receive", "q"), 2, "127.0.0.1:1")
        expectFailure(
            try tool.run("send", "q", "x", "--retry", "--connect-timeout", "500ms"), 2, "127.0.0.1:1")
    }

    @Test("A peer that says nothing is not waited for longer than --connect-timeout", .timeLimit(.minutes(1)))
    func silentPeer() throws {
        let silent = try SilentPeer()
        let tool = try Tool(silent.address)
        expectFailure(try tool.run("send", "q", "x", "--connect-timeout", "300ms"), 2, "")
    }

    @Test("A link that is refused")
    func refusedLink() throws {
        var options = BrokerOptions()
        options.makesQueues = false
        try withBroker(options: options) { broker in
            let tool = try Tool(broker.address)
            for arguments in [
                ["send", "q", "x"], ["receive", "q"], ["purge", "q", "-f"], ["respond", "q", "--echo"],
            ] {
                expectFailure(try tool.run(arguments), 3, "q")
            }
        }
    }

    @Test("Messages that are rejected are counted")
    func rejected() throws {
        var options = BrokerOptions()
        options.queues = [QueueDeclaration("full", limits: QueueLimits(messages: 3, policy: .reject))]
        try withBroker(options: options) { broker in
            let tool = try Tool(broker.address)
            expectFailure(try tool.run("send", "full", "x", "--count", "5"), 3, "3 accepted, 2 rejected: amqp:")
        }
    }

    @Test("No credit, and no outcome, within --timeout")
    func noCredit() throws {
        var options = BrokerOptions()
        options.queues = [QueueDeclaration("full", limits: QueueLimits(messages: 3))]
        try withBroker(options: options) { broker in
            let tool = try Tool(broker.address)
            let run = try tool.run("send", "full", "x", "--count", "5", "--timeout", "300ms")
            #expect(run.ending == .exited(4), "\(run.errors)")
            #expect(run.errors.contains("3 accepted"), "\(run.errors)")
        }
    }

    @Test("Too few messages within --timeout")
    func timeout() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            expectDone(try tool.run("send", "q", "x"), "")
            let run = try tool.run("receive", "q", "--count", "2", "--timeout", "300ms")
            expectFailure(run, 4, "1 of 2 messages came in time.")
            #expect(run.output == "x\n")
            expectDone(try tool.run("receive", "q", "--timeout", "100ms"), "", errors: "")
        }
    }

    @Test("Wrong arguments")
    func usage() throws {
        let tool = try Tool()
        expectFailure(try tool.run("send"), 64, "<address>")
        expectFailure(try tool.run("send", "q", "x", "--url", "amqp://h/vhost"), 64, "--virtual-host")
        expectFailure(try tool.run("send", "q", "--json", "{"), 1, "not valid JSON")
        expectFailure(try tool.run("send", "q", "--file", "none"), 1, "none: cannot be read")
    }

    @Test("Help needs no broker")
    func help() throws {
        let tool = try Tool()
        let help = try tool.run("--help")
        #expect(help.ending == .exited(0))
        #expect(help.output.contains("EXIT CODES"))
        for command in RootCommandNames.all {
            let run = try tool.run(["help"] + command.split(separator: " ").map(String.init))
            #expect(run.ending == .exited(0))
            #expect(run.output.contains("USAGE: amqp \(command)"), "\(run.output)")
        }
        for shell in ["bash", "zsh", "fish"] {
            let run = try tool.run("--generate-completion-script", shell)
            #expect(run.ending == .exited(0))
            #expect(run.output.contains("password-file"))
        }
    }

    @Test(
        "A signal ends a receiver that waits for any number well, and one that misses messages not",
        arguments: [SIGINT, SIGTERM])
    func signalToReceiver(number: Int32) throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            for (arguments, code) in [([], 0), (["--count", "5"], 130)] as [([String], Int32)] {
                expectDone(try tool.run("send", "q", "x"), "")
                let receive = try tool.start(["receive", "q"] + arguments)
                #expect(receive.program.readLine() == "x")
                #expect(kill(receive.program.pid, number) == 0)
                let run = receive.finish()
                #expect(run.ending == .exited(code), "\(run.errors)")
                #expect(broker.status.queue("q")?.waiting ?? 0 == 0)
            }
        }
    }

    @Test("A signal ends a sender, which says what became of its messages", arguments: [SIGINT, SIGTERM])
    func signalToSender(number: Int32) throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            let send = try tool.start(["send", "q", "--lines"], input: .open)
            send.program.write("one\ntwo\n")
            expectDone(try tool.run("receive", "q", "-n", "2"), "one\ntwo\n")
            #expect(kill(send.program.pid, number) == 0)
            expectFailure(send.finish(), 130, "2 accepted")
        }
    }

    @Test("A reader that goes away ends it quietly, and what it has not read is not lost")
    func readerGoesAway() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            // A pipe takes 64 KiB, whether anybody reads or not.
            let rest = String(repeating: ".", count: 1_000)
            expectDone(try tool.run("send", "q", "{n}\(rest)", "--count", "2000"), "")
            let script = "(\"$0\" receive q; echo $? >&2) | head -n 1"
            let program = try TestProgram(
                ["/usr/bin/env", "AMQP_URL=\(broker.address)", "/bin/sh", "-c", script, try Tool.path], errors: .output)
            #expect(program.readToEnd() == "1\(rest)\n141\n")
            let waiting = broker.status.queue("q")?.waiting ?? 0
            #expect((1_900..<2_000).contains(waiting), "\(waiting)")
        }
    }

    @Test("--retry waits for a broker that comes later")
    func retry() throws {
        let port = try HeldPort()
        let send = try TestProgram(
            [
                "/usr/bin/env", "AMQP_URL=\(port.address)", try Tool.path, "send", "q", "x", "--retry",
                "--connect-timeout",
                "60s",
            ], errors: .output)
        try send.read(until: "Trying again")
        let broker = try Broker.start(port.address)
        defer { broker.stop() }
        #expect(send.readToEnd().hasSuffix("1 accepted\n"))
        #expect(send.waitForEnd() == .exited(0))
    }

    @Test("A connection that is lost is made again, and credit with it")
    func loss() throws {
        let broker = try Broker.start()
        let tool = try Tool(broker.address)
        // More than the program's output takes before it is read: the rest has arrived, and is lost with the connection.
        let text = String(repeating: "x", count: 100_000)
        expectDone(try tool.run("send", "q", text, "--count", "100"), "")
        let receive = try tool.start(["receive", "q"])
        try receive.program.read(until: "\n")
        while broker.status.queue("q")?.waiting ?? 0 > 0 { sched_yield() }
        broker.stop()
        let again = try Broker.start("127.0.0.1:\(broker.port)")
        defer { again.stop() }
        expectDone(try tool.run("send", "q", "second {n}", "--count", "150"), "")
        try receive.program.read(until: "second 150\n")
        #expect(kill(receive.program.pid, SIGINT) == 0)
        #expect(receive.finish().ending == .exited(0))
    }
}

/// The commands that have help.
private enum RootCommandNames {
    static let all = [
        "send", "receive", "request", "respond", "move", "copy", "purge", "context add", "context list", "context show",
        "context select", "context remove",
    ]
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Glibc
import Testing

/// The program `broker`: its options, its log lines, its summary, its end.
@Suite(.serialized)
struct BrokerProgramTests {
    // MARK: Options

    @Test("--help teaches")
    func help() async throws {
        try await withPrograms { programs in
            let record = try await programs.start(.swift, "broker", "--help").waitForEnd()
            #expect(record.ending == .exited(0) && record.errorText == "")
            let options = [
                "--address", "--threads", "--max-connections", "--heartbeat", "--max-message-size", "--container-id",
                "--queue", "--on-demand-queues/--no-on-demand-queues", "--topic", "--max-deliveries",
                "--redelivery-delay", "--dead-letter", "--dead-letter-expired/--no-dead-letter-expired", "--store",
                "--queue-messages", "--queue-bytes", "--when-full", "--subscription-policy", "--max-queues",
                "--max-bytes", "--max-unsettled", "--credit", "--config", "--log-level", "--stop-grace",
            ]
            for text in options + ["EXAMPLES:", "SIGUSR1", "SIGTERM", "localhost:5672", "(default: "] {
                #expect(record.outputText.contains(text), "\(text)")
            }
        }
    }

    @Test(
        "Wrong options",
        arguments: [
            (["--threads", "0"], "'0' is invalid for '--threads <n>': must be a whole number from 1 to 1024"),
            (["--threads", "two"], "'two' is invalid for '--threads <n>': must be a whole number from 1 to 1024"),
            (["--credit", "9223372036854775808"], "'--credit <n>': must be a whole number, at least 1"),
            (
                ["--max-bytes", "1TiB"],
                "'--max-bytes <size>': must be a number of bytes, at least 1, as in 65536, 64KiB"
            ),
            (["--queue-bytes", "9000000000GiB"], "'--queue-bytes <size>': must be a number of bytes"),
            (["--heartbeat", "nan"], "'--heartbeat <seconds>': must be a number of seconds, from 0 to 86400"),
            (["--heartbeat", "1e300"], "'--heartbeat <seconds>': must be a number of seconds, from 0 to 86400"),
            (["--when-full", "wait"], "'--when-full <policy>': must be one of withhold-credit, reject, drop-oldest"),
            (["--log-level", "loud"], "'--log-level <level>': must be one of trace, debug, info, notice"),
            (["--queue", ""], "must be an address of 1 to 1024 bytes"),
            (["--queue", "a,urgent"], "has 'urgent', which is no setting of a queue: those are exclusive, messages=N"),
            (["--queue", "a,messages=0"], "has 'messages=0', whose value must be a whole number, at least 1"),
            (["--queue", "a,messages"], "has 'messages', which is no setting of a queue: those are exclusive"),
            (["--queue", "a,exclusive=1"], "has 'exclusive=1', which is no setting of a queue: those are exclusive"),
            (
                ["--queue", "a,max-deliveries=0"],
                "has 'max-deliveries=0', whose value must be a whole number, at least 1"
            ),
            (["--queue", "a,dead-letter="], "has 'dead-letter=', whose value must be an address of 1 to 1024 bytes"),
            (["--dead-letter", ""], "must be an address of 1 to 1024 bytes"),
            (
                ["--max-deliveries", "0"],
                "'0' is invalid for '--max-deliveries <n>': must be a whole number, at least 1"
            ),
            (["--redelivery-delay", "-1"], "Missing value for '--redelivery-delay <seconds>'"),
            (
                ["--subscription-policy", "withhold-credit"],
                "'--subscription-policy <policy>': must be one of drop-oldest, reject"
            ),
            (["--address"], "Missing value for '--address <host:port>'"),
        ])
    func wrongOption(arguments: [String], message: String) async throws {
        try await withPrograms { programs in
            let record = try await programs.start(.swift, "broker", arguments).waitForEnd()
            let line = record.errorText.split(separator: "\n").first ?? ""
            #expect(line.hasPrefix("Error: ") && line.contains(message), "\(line)")
            #expect(record.errorText.contains("\nUsage: broker "))
            #expect(record.output == [] && record.ending == .exited(EX_USAGE))
        }
    }

    @Test("A queue that is declared twice")
    func queueTwice() async throws {
        try await withPrograms { programs in
            let broker = try programs.start(.swift, "broker", "127.0.0.1:0", "--queue", "a", "--queue", "a,exclusive")
            try await expectFailure(broker, "queues: an address is there twice.")
        }
    }

    @Test("What cannot be seen in one option ends the program with a line")
    func wrongDeadLetter() async throws {
        try await withPrograms { programs in
            let broker = try programs.start(.swift, "broker", "127.0.0.1:0", "--dead-letter", "*")
            try await expectFailure(broker, "deadLetterAddress: '*' alone would be the queue itself.")
        }
    }

    @Test("Every option of the help is a key of the file, and every key an option")
    func sameNames() async throws {
        try await withPrograms { programs in
            let help = try await programs.start(.swift, "broker", "--help").waitForEnd().outputText
            let flags = help.split(separator: "\n").compactMap { line -> String? in
                let names = line.split(whereSeparator: { " ,/".contains($0) }).filter { $0.hasPrefix("--") }
                return line.hasPrefix("  -") ? names.first.map { String($0.dropFirst(2)) } : nil
            }
            let notKeys = ["config", "check-config", "help", "add-user", "remove-user"]
            try await withFile(#"{"": 1}"#) { path in
                let record = try await programs.start(.swift, "broker", "--config", path).waitForEnd()
                let keys =
                    record.errorText.split(separator: ":").last?.split { " ,.\n".contains($0) }.dropFirst(2) ?? []
                #expect(keys.map(String.init) == flags.filter { !notKeys.contains($0) }.sorted())
            }
        }
    }

    @Test("Queues only where they are declared")
    func declaredQueues() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker("--queue", "orders", "--no-on-demand-queues")
            let send = try programs.start(.swift, "simple_send", "-a", "\(address)/orders", "-m", "2")
            try await expectSuccess(send, confirmed)
            let record = try await programs.start(.swift, "simple_send", "-a", "\(address)/other").waitForEnd()
            #expect(record.errorText.contains("amqp:not-found: There is no queue other."))
            #expect(record.ending == .exited(1))
        }
    }

    @Test("Several addresses serve the same queues")
    func severalAddresses() async throws {
        try await withPrograms { programs in
            let broker = try programs.start(
                .swift, "broker", "127.0.0.1:0", "--address", "127.0.0.1:0", "-a", "127.0.0.1:0", "--threads", "2")
            try await broker.waitForLines(3)
            let lines = broker.record.outputText.split(separator: "\n")
            #expect(lines.allSatisfy { $0.hasPrefix("listening on 127.0.0.1:") })
            let addresses = lines.map { $0.dropFirst("listening on ".count) }
            #expect(Set(addresses).count == 3)
            try await expectSuccess(
                try programs.start(.swift, "simple_send", "-a", "\(addresses[0])/examples", "-m", "3"), confirmed)
            try await expectSuccess(
                try programs.start(.swift, "simple_recv", "-a", "\(addresses[2])/examples", "-m", "3"), sequence(3))
        }
    }

    /// Loopback addresses, of IPv6 too where the system has that.
    static let loopbacks = ["127.0.0.1:0"] + (hasIPv6 ? ["[::1]:0"] : [])

    private static var hasIPv6: Bool {
        let interfaces = try? String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8)
        return interfaces?.contains("00000000000000000000000000000001") ?? false
    }

    @Test("The address that it says is one to connect to", arguments: loopbacks)
    func address(loopback: String) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift, on: loopback)
            #expect(address.hasPrefix(loopback.dropLast()))
            try await expectSuccess(
                try programs.start(.swift, "simple_send", "-a", "\(address)/examples", "-m", "1"), confirmed)
            try await expectSuccess(
                try programs.start(.python, "simple_recv", "-a", "\(address)/examples", "-m", "1"), sequence(1))
        }
    }

    #if DurableBroker

    @Test("Durable messages are there again after a kill")
    func store() async throws {
        let path = temporaryPath()
        defer { for suffix in ["", "-wal", "-shm", "-journal"] { unlink(path + suffix) } }
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker("--store", path)
            let send = """
                import sys
                from proton import Message
                from proton.utils import BlockingConnection
                sender = BlockingConnection(sys.argv[1]).create_sender("examples")
                for number in range(1, 4): sender.send(Message(id=number, body={"sequence": number}, durable=True))
                print("sent")
                """
            #expect(try await programs.runPython(send, address) == "sent\n")
            broker.send(SIGKILL)
            _ = try await broker.waitForEnd()
            let (again, newAddress) = try await programs.startBroker("--store", path)
            #expect(again.record.errorText.hasSuffix(" info    read the store messages=3 queues=1\n"))
            try await expectSuccess(
                try programs.start(.swift, "simple_recv", "-a", "\(newAddress)/examples", "-m", "3"), sequence(3))
        }
    }

    @Test("A file that is no store")
    func foreignStore() async throws {
        try await withFile("not a database, but a text that is long enough to be taken for one, if only just") { path in
            try await withPrograms { programs in
                let broker = try programs.start(.swift, "broker", "127.0.0.1:0", "--store", path)
                let record = try await broker.waitForEnd()
                #expect(record.errorText.hasPrefix("Error: \(path) ") && record.errorText.count { $0 == "\n" } == 1)
                #expect(record.ending == .exited(1))
            }
        }
    }

    #else

    @Test("A broker without the trait for its store says how to build one")
    func noStore() async throws {
        try await withPrograms { programs in
            let broker = try programs.start(.swift, "broker", "127.0.0.1:0", "--store", "messages.sqlite")
            let record = try await broker.waitForEnd()
            #expect(record.errorText.contains("swift build --product broker --traits DurableBroker"))
            #expect(record.ending == .exited(1))
        }
    }

    #endif

    // MARK: Log lines

    @Test("Log lines at levels", arguments: ["trace", "debug", "info", "error"])
    func levels(level: String) async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker("--log-level", level)
            try await expectSuccess(
                try programs.start(.swift, "simple_send", "-a", "\(address)/examples", "-m", "1"), confirmed)
            broker.send(SIGTERM)
            let record = try await broker.waitForEnd()
            #expect(record.ending == .exited(0))
            let lines = record.errorText.split(separator: "\n")
            let expected = [
                "debug": ["opened a connection container=", "closed a connection: ", "closes all connections"],
                "trace": ["opened a connection container=", "attached a sender address=examples link="],
            ]
            for text in expected[level] ?? [] { #expect(lines.contains { $0.contains(text) }, "\(text)") }
            #expect(expected[level] != nil || lines.isEmpty)
            #expect(level != "debug" || !record.errorText.contains(" trace "))
            for line in lines {
                // 2026-11-21T15:44:28.123Z debug   …
                let fields = line.split(separator: " ", maxSplits: 2)
                #expect(fields[0].count == 24 && fields[0].hasSuffix("Z") && ["trace", "debug"].contains(fields[1]))
            }
        }
    }

    @Test("What peers say stays in its line")
    func escapedNames() async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker("--log-level", "debug", "--no-on-demand-queues")
            let script = """
                import sys
                from proton.reactor import Container
                from proton.utils import BlockingConnection
                container = Container()
                container.container_id = "a\\nb=\\"c\\" \\x1b[31m\\u202e"
                connection = BlockingConnection(sys.argv[1], container=container)
                try: connection.create_sender("x\\ny")
                except Exception as error: print(type(error).__name__)
                connection.close()
                """
            #expect(try await programs.runPython(script, address) == "LinkDetached\n")
            broker.send(SIGTERM)
            let record = try await broker.waitForEnd()
            #expect(record.errorText.contains(#"container="a\\u{A}b=\"c\" \\u{1B}[31m\\u{202E}""#))
            #expect(record.errorText.contains(#"refused a link: There is no queue x\u{A}y. link="#))
            #expect(record.errorText.split(separator: "\n").allSatisfy { $0.contains("Z debug   ") })
        }
    }

    @Test("A limit that is reached again and again is one line")
    func limit() async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker("--queue", "small,messages=2,when-full=reject")
            let script = """
                import sys
                from proton import Message
                from proton.utils import BlockingConnection
                sender = BlockingConnection(sys.argv[1]).create_sender("small")
                for number in range(50):
                    try: sender.send(Message(body=number))
                    except Exception as error: print(type(error).__name__)
                """
            #expect(try await programs.runPython(script, address) == String(repeating: "SendException\n", count: 48))
            broker.send(SIGTERM)
            let record = try await broker.waitForEnd()
            #expect(record.errorText.count { $0 == "\n" } == 1)
            #expect(record.errorText.contains("Z warning rejected a message: The queue is full"))
            #expect(record.errorText.hasSuffix(" address=small\n"))
        }
    }

    // MARK: The end

    @Test("A client that does not close is left, by a second signal or after the grace", arguments: [true, false])
    func stubbornClient(hasSecondSignal: Bool) async throws {
        try await withPrograms { programs in
            let grace = hasSecondSignal ? "3600" : "0.2"
            let (broker, address) = try await programs.startBroker("--log-level", "debug", "--stop-grace", grace)
            let recv = try programs.startUnbuffered("simple_recv", "-a", "\(address)/examples", "-m", "0")
            try await expectSuccess(
                try programs.start(.swift, "simple_send", "-a", "\(address)/examples", "-m", "1"), confirmed)
            try await recv.waitForLines(1)
            recv.send(SIGSTOP)
            broker.send(SIGTERM)
            _ = await broker.wait(atMost: .seconds(60)) { $0.errorText.contains("closes all connections") }
            if hasSecondSignal { broker.send(SIGTERM) }
            let record = try await broker.waitForEnd()
            #expect(record.ending == (hasSecondSignal ? .killed(by: SIGTERM) : .exited(0)))
        }
    }
}

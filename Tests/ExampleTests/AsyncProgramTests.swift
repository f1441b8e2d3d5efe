// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// The programs with async/await, with each other and with those that have the same output.
@Suite(.serialized)
struct AsyncProgramTests {
    private static let requests = [
        "Twas brillig, and the slithy toves", "Did gire and gymble in the wabe.", "All mimsy were the borogroves,",
        "And the mome raths outgrabe.",
    ]
    private static let answers = requests.map { "\($0) => \($0.uppercased())\n" }.joined()

    @Test("async_helloworld", arguments: Language.allCases)
    func helloWorld(broker: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(broker)
            try await expectSuccess(try programs.start(.swift, "async_helloworld", address), "Hello World!\n")
        }
    }

    /// Who sends to whom: one of them at least is a program with async/await.
    static let pairs: [(sender: String, receiver: String, language: Language)] = [
        ("async_send", "async_recv", .swift), ("async_send", "simple_recv", .swift),
        ("async_send", "simple_recv", .python), ("simple_send", "async_recv", .swift),
        ("simple_send", "async_recv", .python),
    ]

    @Test("async_send to async_recv, and one of them with its like", arguments: Language.allCases, pairs)
    func sendAndReceive(
        broker: Language, pair: (sender: String, receiver: String, language: Language)
    ) async throws {
        func language(of name: String) -> Language { name.hasPrefix("async") ? .swift : pair.language }
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(broker)
            let url = "\(address)/examples"
            let recv = try programs.start(language(of: pair.receiver), pair.receiver, "-a", url)
            let send = try programs.start(language(of: pair.sender), pair.sender, "-a", url)
            try await expectSuccess(send, confirmed)
            try await expectSuccess(recv, sequence(100))
        }
    }

    @Test("Many messages arrive, all and in order")
    func many() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let recv = try programs.start(.swift, "async_recv", "--address", "\(address)/many", "--messages", "5000")
            let send = try programs.start(.swift, "async_send", "--address", "\(address)/many", "--messages", "5000")
            try await expectSuccess(send, confirmed)
            try await expectSuccess(recv, sequence(5_000))
        }
    }

    /// Who asks whom.
    static let conversations: [(client: String, language: Language, server: [String], serverLanguage: Language)] = [
        ("async_rpc", .swift, ["async_rpc", "--serve"], .swift), ("async_rpc", .swift, ["server"], .swift),
        ("client", .swift, ["async_rpc", "--serve"], .swift), ("client", .python, ["async_rpc", "--serve"], .swift),
        ("sync_client", .python, ["async_rpc", "--serve"], .swift),
    ]

    /// Who asks async_server, which needs no broker.
    static let askers: [(client: String, language: Language)] = [
        ("async_rpc", .swift), ("client", .swift), ("client", .python), ("sync_client", .python),
    ]

    @Test("Requests to async_server", arguments: askers)
    func requestsWithoutABroker(client name: String, language: Language) async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let url = "\(address)/examples"
            let server = try programs.start(.swift, "async_server", "-a", url)
            try await server.waitUntilListening(on: address)
            try await expectSuccess(try programs.start(language, name, "-a", url), Self.answers)
            server.send(SIGINT)
            #expect(try await server.waitForEnd().ending == .exited(0))
        }
    }

    @Test("Requests to async_rpc, and by it", arguments: conversations)
    func requests(
        client name: String, language: Language, server: [String], serverLanguage: Language
    ) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let url = "\(address)/examples"
            let server = try programs.start(serverLanguage, server[0], server.dropFirst() + ["-a", url])
            let client = try programs.start(language, name, "-a", url)
            try await expectSuccess(client, Self.answers)
            server.send(SIGINT)
            let record = try await server.waitForEnd()
            let lines = record.outputText.split(separator: "\n")
            #expect(lines.first == "Listening on amqp://\(url)")
            // They may come in any order.
            for request in Self.requests {
                #expect(lines.count { $0.hasPrefix("Received Message(") && $0.contains("body='\(request)'") } == 1)
            }
            #expect(lines.count == 5)
            #expect(record.ending == .exited(0))
        }
    }

    @Test("async_worker retries what fails, and then sends it elsewhere")
    func worker() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let url = "\(address)/work"
            let worker = try programs.startUnbuffered(
                "async_worker", "-a", url, "--dead-letters", "failed", "--failing", "4", "--tries", "3", "--jobs", "2")
            try await expectSuccess(try programs.start(.swift, "async_send", "-a", url, "-m", "8"), confirmed)
            // Eight first tries, two more of each that fails, and eight ends.
            try await worker.waitForLines(20)
            worker.send(SIGTERM)
            let record = try await worker.waitForEnd()
            let lines = Dictionary(grouping: record.outputText.split(separator: "\n")) { $0 }.mapValues(\.count)
            for number in 1...8 {
                let (body, fails) = ("{'sequence': \(number)}", number.isMultiple(of: 4))
                #expect(lines["begin: \(body)"] == (fails ? 3 : 1))
                #expect(lines["done: \(body)"] == (fails ? nil : 1))
                #expect(lines["failed: \(body)"] == (fails ? 1 : nil))
            }
            #expect(record.errorText == "")
            #expect(record.ending == .exited(0))
            let failed = try await programs.start(.swift, "async_recv", "-a", "\(address)/failed", "-m", "2")
                .waitForEnd().outputText.split(separator: "\n")
            #expect(Set(failed) == ["{'sequence': 4}", "{'sequence': 8}"])
        }
    }

    @Test("What async_worker was working on goes back when it is stopped", arguments: SignalTests.signals)
    func stoppedWorker(signal: Int32) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let url = "\(address)/work"
            try await expectSuccess(try programs.start(.swift, "async_send", "-a", url, "-m", "3"), confirmed)
            let worker = try programs.startUnbuffered("async_worker", "-a", url, "--seconds", "600")
            try await worker.waitForLines(3)
            worker.send(signal)
            let record = try await worker.waitForEnd()
            #expect(!record.outputText.contains("done"))
            #expect(record.errorText == "")
            #expect(record.ending == .exited(0))
            let recv = try await programs.start(.swift, "async_recv", "-a", url, "-m", "3").waitForEnd()
            #expect(recv.outputText.split(separator: "\n").sorted().joined(separator: "\n") + "\n" == sequence(3))
        }
    }

    @Test("Signals end those that wait for more", arguments: SignalTests.signals)
    func signals(signal: Int32) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let url = "\(address)/examples"
            try await expectSuccess(try programs.start(.swift, "async_send", "-a", url, "-m", "5"), confirmed)
            let recv = try programs.startUnbuffered("async_recv", "-a", url, "-m", "0")
            try await recv.waitForLines(5)
            recv.send(signal)
            try await expectSuccess(recv, sequence(5))
        }
    }

    @Test("Nobody listens", arguments: ["async_helloworld", "async_send", "async_recv", "async_rpc", "async_worker"])
    func refused(name: String) async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let program =
                name == "async_helloworld"
                ? try programs.start(.swift, name, address) : try programs.start(.swift, name, "-a", "\(address)/x")
            try await expectFailure(program, "Cannot connect to \(address): Connection refused.")
        }
    }

    @Test("Wrong numbers", arguments: [("async_send", "0"), ("async_recv", "-1"), ("async_send", "many")])
    func wrongCount(name: String, count: String) async throws {
        try await withPrograms { programs in
            let record = try await programs.start(.swift, name, "--messages=\(count)").waitForEnd()
            #expect(record.errorText.hasPrefix("Error: "))
            #expect(record.errorText.split(separator: "\n").first?.contains("--messages") == true)
            #expect(record.ending == .exited(EX_USAGE))
        }
    }

    @Test("async_send without an address says that its messages are not taken")
    func noAddress() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let record = try await programs.start(.swift, "async_send", "-a", address).waitForEnd()
            #expect(record.errorText.hasPrefix("Error: The message was rejected: amqp:precondition-failed"))
            #expect(record.ending == .exited(1))
        }
    }
}

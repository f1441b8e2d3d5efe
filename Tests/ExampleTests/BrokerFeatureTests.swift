// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Testing

/// What only our broker does among the small ones: transactions, selectors, browsing, relaying.
@Suite(.serialized)
struct BrokerFeatureTests {
    /// Swift on one side at least.
    static let pairs: [(sender: Language, receiver: Language)] = [
        (.swift, .swift), (.swift, .python), (.python, .swift),
    ]

    @Test("tx_send to tx_recv", arguments: pairs)
    func transactions(sender: Language, receiver: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let url = "\(address)/examples"
            try await expectSuccess(
                try programs.start(sender, "tx_send", "-a", url, "-m", "40", "-b", "10"), "all messages committed\n")
            try await expectSuccess(
                try programs.start(receiver, "tx_recv", "-a", url, "-m", "40", "-b", "20"), sequence(40))
        }
    }

    @Test("tx_recv_interactive does what it is told", arguments: [SIGTERM, nil])
    func interactive(signal: Int32?) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            try await expectSuccess(
                try programs.start(.swift, "simple_send", "-a", "\(address)/examples", "-m", "3"), confirmed)
            let fifo = FileManager.default.temporaryDirectory.appendingPathComponent("input-\(UUID())").path
            #expect(mkfifo(fifo, 0o600) == 0)
            defer { unlink(fifo) }
            let program = try programs.startUnbuffered("tx_recv_interactive", input: fifo, address)
            // Not a FileHandle: it ends the process where a signal interrupts it.
            var input = open(fifo, O_WRONLY | O_CLOEXEC)
            try #require(input >= 0)
            func closeInput() {
                if input >= 0 { close(input) }
                input = -1
            }
            defer { closeInput() }
            var expected = ["Enter 'fetch', 'commit' or 'abort'", "transaction declared"]
            func say(_ line: String, _ answers: String...) async throws {
                // Shorter than what a FIFO takes at once.
                #expect("\(line)\n".withCString { write(input, $0, strlen($0)) } == line.utf8.count + 1)
                expected += answers
                try await program.waitForLines(expected.count)
            }
            try await program.waitForLines(2)
            try await say("fetch", "{'sequence': 1}")
            try await say("abort", "transaction aborted", "transaction declared")
            try await say("fetch", "{'sequence': 1}")
            try await say("fetch", "{'sequence': 2}")
            try await say("commit", "transaction committed", "transaction declared")
            if let signal { program.send(signal) } else { closeInput() }
            let record = try await program.waitForEnd()
            #expect(record.outputText.split(separator: "\n").map(String.init).sorted() == expected.sorted())
            #expect(record.ending == .exited(0) && record.errorText == "")
            try await expectSuccess(
                try programs.start(.swift, "simple_recv", "-a", "\(address)/examples", "-m", "1"), "{'sequence': 3}\n")
        }
    }

    @Test("Requests answered in transactions", arguments: Language.allCases)
    func serverTx(client: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let server = try programs.startUnbuffered("server_tx", address, "requests")
            let record = try await programs.start(client, "client", "-a", "\(address)/requests").waitForEnd()
            #expect(record.ending == .exited(0) && record.outputText.contains("=> AND THE MOME RATHS OUTGRABE.\n"))
            try await server.waitForLines(4)
            server.send(SIGINT)
            try await expectSuccess(server, String(repeating: "Request processed successfully\n", count: 4))
        }
    }

    @Test("Requests answered by a server that inherits from another", arguments: Language.allCases)
    func abstractServer(client: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let server = try programs.startUnbuffered("abstract_server", address, "requests")
            let record = try await programs.start(client, "client", "-a", "\(address)/requests").waitForEnd()
            #expect(record.ending == .exited(0) && record.outputText.contains("=> ALL MIMSY WERE THE BOROGROVES,\n"))
            try await server.waitForLines(4)
            server.send(SIGTERM)
            let lines = try await server.waitForEnd().outputText.split(separator: "\n")
            #expect(lines.count == 4 && lines.allSatisfy { $0.hasPrefix("Request from: ") })
        }
    }

    @Test("colour_send to selected_recv", arguments: pairs)
    func selectors(sender: Language, receiver: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let url = "\(address)/examples"
            try await expectSuccess(try programs.start(sender, "colour_send", "-a", url, "-m", "10"), confirmed)
            try await expectSuccess(
                try programs.start(receiver, "selected_recv", "-a", url, "-m", "5"),
                [1, 3, 5, 7, 9].map { "green \($0)\n" }.joined())
            // The red ones are still there.
            try await expectSuccess(
                try programs.start(.swift, "simple_recv", "-a", url, "-m", "5"),
                [2, 4, 6, 8, 10].map { "red \($0)\n" }.joined())
        }
    }

    @Test("queue_browser leaves the messages where they are")
    func browsing() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            try await expectSuccess(
                try programs.start(.python, "colour_send", "-a", "\(address)/examples", "-m", "4"), confirmed)
            let python = try await programs.startPython("queue_browser", replacing: "localhost:5672", with: address)
                .waitForEnd()
            #expect(python.outputText.split(separator: "\n").count == 4)
            for _ in 0..<2 {
                try await expectSuccess(try programs.start(.swift, "queue_browser", address), python.outputText)
            }
        }
    }

    @Test("By the engine's events")
    func events() async throws {
        try await withPrograms { programs in
            for language in Language.allCases {
                let (_, address) = try await programs.startBroker(language)
                try await expectSuccess(try programs.start(.swift, "helloworld_events", address), "Hello World!\n")
            }
            let address = try freeAddress()
            try await expectSuccess(
                try programs.start(.swift, "helloworld_direct_events", "\(address)/examples"), "Hello World!\n")
        }
    }

    @Test("client_http puts requests and responses into pages")
    func http() async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker(.swift)
            _ = try programs.start(.swift, "abstract_server", address, "examples")
            let http = try freeAddress()
            let port = http.split(separator: ":").last.map(String.init) ?? ""
            let client = try programs.startIntegration("client_http", address, "examples", "-p", port)
            try await client.waitUntilListening(on: http)
            func post(_ form: String) async throws -> String {
                let script = """
                    import sys, urllib.request, urllib.error
                    try: print(urllib.request.urlopen(sys.argv[1], sys.argv[2].encode()).read().decode())
                    except urllib.error.HTTPError as error: print(error.code, error.read().decode())
                    """
                return try await programs.runPython(script, "http://\(http)/client", form)
            }
            #expect(try await post("message=a+%3Cb%3E").contains("</form>Response: A &lt;B&gt;</body>"))
            #expect(try await post("other=1").hasPrefix("400 "))
            broker.send(SIGKILL)
            _ = try await broker.waitForEnd()
            client.send(SIGTERM)
            let record = try await client.waitForEnd()
            #expect(record.ending == .exited(0) && record.outputText.contains("a <b> => A <B>\n"))
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonTesting
import Testing

/// The programs that run in a group of services: an HTTP endpoint, and a worker.
@Suite(.serialized)
struct ServiceProgramTests {
    /// Posts a body to an address, and returns the status and the answer.
    private static func post(_ programs: Programs, _ http: String, _ path: String, _ body: String) async throws
        -> String
    {
        let script = """
            import sys, urllib.request, urllib.error
            request = urllib.request.Request(sys.argv[1], sys.argv[2].encode(), {"Content-Type": "text/plain"})
            try: answer = urllib.request.urlopen(request)
            except urllib.error.HTTPError as error: answer = error
            print(answer.status, answer.read().decode().strip())
            """
        return try await programs.runPython(script, "http://\(http)/messages/\(path)", body)
    }

    private static func start(_ programs: Programs, _ server: String) async throws -> (ChildProcess, String) {
        let http = try freeAddress()
        let port = http.split(separator: ":").last.map(String.init) ?? ""
        let program = try programs.startIntegration("publish_http", server, "--port", port)
        try await program.waitUntilListening(on: http)
        return (program, http)
    }

    @Test("publish_http sends what is posted, and ends when it is told to")
    func publish() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let (program, http) = try await Self.start(programs, address)
            #expect(try await Self.post(programs, http, "q", "a message") == "202 accepted\n")
            #expect(try await Self.post(programs, http, "q", "") == "400 There is nothing to send.\n")
            program.send(SIGTERM)
            #expect(try await program.waitForEnd().ending == .exited(0))
            let recv = try programs.start(.swift, "async_recv", "-a", "\(address)/q", "-m", "1")
            #expect(try await recv.waitForEnd().outputText.contains("a message"))
        }
    }

    @Test("publish_http answers by the outcome")
    func outcomes() async throws {
        try await withPrograms { programs in
            try await withScriptedServer(limit: .seconds(60)) { server in
                let peer = try server.acceptSession()
                try peer.attachNext(credit: 3)
                for (id, state) in [DeliveryState.rejected(Condition("app:no", "No.")), .released].enumerated() {
                    try peer.expect(.transfer)
                    try peer.send(.disposition(state, UInt32(id)))
                }
                // Without an outcome: the link ends.
                try peer.expect(.transfer)
                try peer.send(.detach(error: Condition("amqp:resource-deleted")))
                try peer.answerClose()
            } asyncClient: { address in
                let (program, http) = try await Self.start(programs, address)
                #expect(try await Self.post(programs, http, "q", "a") == "400 No.\n")
                #expect(try await Self.post(programs, http, "q", "b") == "503 The message was not taken.\n")
                #expect(
                    try await Self.post(programs, http, "q", "c") == "503 What became of the message is not known.\n")
                program.send(SIGTERM)
                #expect(try await program.waitForEnd().ending == .exited(0))
            }
        }
    }

    @Test("worker_service works on what it has to the end", arguments: SignalTests.signals)
    func worker(signal: Int32) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let url = "\(address)/work"
            try await expectSuccess(try programs.start(.swift, "async_send", "-a", url, "-m", "100"), confirmed)
            let worker = try programs.startIntegration("worker_service", "-a", url, "--jobs", "3", "--seconds", "0.5")
            try await worker.waitForLines(3)
            worker.send(signal)
            let record = try await worker.waitForEnd()
            #expect(record.ending == .exited(0))
            let lines = record.outputText.split(separator: "\n")
            let begun = Set(lines.filter { $0.hasPrefix("begin: ") }.map { $0.dropFirst(7) })
            let done = Set(lines.filter { $0.hasPrefix("done: ") }.map { $0.dropFirst(6) })
            #expect(begun == done && (3..<100).contains(done.count))
            let left = 100 - done.count
            let recv = try await programs.start(.swift, "async_recv", "-a", url, "-m", "\(left)").waitForEnd()
            #expect(recv.outputText.split(separator: "\n").count == left)
        }
    }
}

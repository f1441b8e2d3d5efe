// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// Clients and servers of requests and responses, in Swift and in Python.
@Suite(.serialized)
struct RequestTests {
    private static let requests = [
        "Twas brillig, and the slithy toves", "Did gire and gymble in the wabe.", "All mimsy were the borogroves,",
        "And the mome raths outgrabe.",
    ]
    private static let answers = requests.map { "\($0) => \($0.uppercased())\n" }.joined()

    /// Swift on one side at least, with each client.
    static let pairs: [(client: Language, name: String, server: Language)] = ["client", "sync_client"].flatMap { name in
        [(.swift, name, .swift), (.swift, name, .python), (.python, name, .swift)]
    }

    @Test("client and sync_client to server, through a broker", arguments: Language.allCases, pairs)
    func throughBroker(
        broker: Language, pair: (client: Language, name: String, server: Language)
    ) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(broker)
            let url = "\(address)/examples"
            let server = try programs.start(pair.server, "server", "-a", url)
            let client = try programs.start(pair.client, pair.name, "-a", url)
            try await expectSuccess(client, Self.answers)
            server.send(SIGINT)
            let record = try await server.waitForEnd()
            let lines = record.outputText.split(separator: "\n")
            #expect(lines.first == "Listening on amqp://\(url)")
            #expect(lines.count == 5)
            for (line, request) in zip(lines.dropFirst(), Self.requests) {
                #expect(line.hasPrefix("Received Message("))
                #expect(line.contains("body='\(request)'"))
            }
            #expect(record.ending == .exited(0))
        }
    }

    @Test("client and sync_client to server_direct", arguments: pairs)
    func direct(client: Language, name: String, server: Language) async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let direct =
                switch server {
                case .swift: try programs.start(.swift, "server_direct", address)
                case .python: try programs.startPython("server_direct", replacing: "0.0.0.0:8888", with: address)
                }
            try await direct.waitUntilListening(on: address)
            for _ in 0..<2 {
                let client = try programs.start(client, name, "-a", "\(address)/examples")
                try await expectSuccess(client, Self.answers)
            }
            direct.send(SIGINT)
            let record = try await direct.waitForEnd()
            let lines = record.outputText.split(separator: "\n")
            #expect(lines.first == "Listening on \(address)")
            #expect(lines.dropFirst().allSatisfy { $0.hasPrefix("Received Message(") })
            #expect(lines.count == 9)
        }
    }

    @Test("client sends what it is given")
    func ownRequests() async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let direct = try programs.start(.swift, "server_direct", address)
            try await direct.waitUntilListening(on: address)
            let client = try programs.start(.swift, "client", "-a", "\(address)/x", "one", "two")
            try await expectSuccess(client, "one => ONE\ntwo => TWO\n")
        }
    }

    @Test("sync_client gives up when nobody answers")
    func unanswered() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let client = try programs.start(.swift, "sync_client", "-a", "\(address)/nobody", "-t", "0.5")
            let record = try await client.waitForEnd()
            #expect(record.errorText.hasSuffix("no message has come in time.\n"))
            #expect(record.ending == .exited(1))
        }
    }
}

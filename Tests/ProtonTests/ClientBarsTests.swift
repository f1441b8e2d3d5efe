// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ProtonTesting
import Testing

@testable import Proton

/// What the async client does with very many things at once.
///
/// CLIENT_BARS in the environment prints what memory that takes: where nothing else runs in the process.
@Suite(.timeLimit(.minutes(3)))
struct ClientBarsTests {
    private static let isMeasured = ProcessInfo.processInfo.environment["CLIENT_BARS"] != nil

    @Test(arguments: [false, true])
    func tenThousandRequestsAtOnce(_ throughABroker: Bool) async throws {
        let count = 10_000
        @Sendable func answer(_ request: Message) -> Message { Message(body: request.body) }
        let before = Self.memory("VmHWM")
        if throughABroker {
            try await withBroker { broker in
                let client = try AMQPClient(broker.address)
                try await client.withConnection { server in
                    let work = Task { try await server.serve("service", concurrency: 64) { answer($0) } }
                    defer { work.cancel() }
                    try await client.withConnection { try await Self.ask(count, on: $0) }
                }
            }
        } else {
            try await AMQPServer("127.0.0.1:0").withListener { listener in
                let work = Task { await listener.serve("service", concurrency: 64) { answer($0) } }
                defer { work.cancel() }
                try await AMQPClient("127.0.0.1:\(listener.port ?? 0)").withConnection {
                    try await Self.ask(count, on: $0)
                }
            }
        }
        guard Self.isMeasured else { return }
        let after = Self.memory("VmHWM")
        print(
            "\(count) requests at once\(throughABroker ? ", through a broker" : ""): \(before) kB to \(after) kB at most"
        )
    }

    private static func ask(_ count: Int, on connection: AMQPConnection) async throws {
        let start = ContinuousClock.now
        let answered = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<count {
                group.addTask {
                    let response = try await connection.request(
                        Message(body: number), to: "service", timeout: .seconds(150))
                    return response.body.value.intValue == number ? 1 : 0
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(answered == count)
        if isMeasured { print("\(count) requests were answered in \(start.duration(to: .now))") }
    }

    /// What the system says of this process's memory, in kilobytes.
    private static func memory(_ name: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
        return line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// What the program `broker` prints for SIGUSR1.
@Suite(.serialized)
struct BrokerSummaryTests {
    /// A summary, taken apart.
    private struct Summary {
        var lines: [String]
        /// The columns of each queue, by the queue.
        var queues: [String: [String]]

        /// Reads the text of one.
        init(_ text: String) {
            lines = text.split(separator: "\n").map(String.init)
            let rows = lines.dropFirst(4).prefix { !$0.hasPrefix("and more queues") }
            let columns = rows.map { $0.split(separator: " ").map(String.init) }
            queues = Dictionary(columns.map { ($0.last ?? "", $0) }) { $1 }
        }
    }

    /// Asks a broker for its summary, and waits until all of it is there.
    /// - Parameter count: how many lines it has.
    private func summary(of broker: ChildProcess, lines count: Int) async throws -> Summary {
        let before = broker.record.lineCount
        broker.send(SIGUSR1)
        try await broker.waitForLines(before + count)
        let lines = broker.record.outputText.split(separator: "\n").dropFirst(before)
        return Summary(lines.joined(separator: "\n"))
    }

    @Test("Queues, their links and their rates")
    func summary() async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker("--queue", "empty", "--queue", "orders")
            try await expectSuccess(
                try programs.start(.swift, "simple_send", "-a", "\(address)/orders", "-m", "5"), confirmed)
            let recv = try programs.startUnbuffered("simple_recv", "-a", "\(address)/busy", "-m", "0")
            try await expectSuccess(
                try programs.start(.swift, "simple_send", "-a", "\(address)/busy", "-m", "3"), confirmed)
            try await recv.waitForLines(3)

            let first = try await summary(of: broker, lines: 7)
            #expect(first.lines[0].hasPrefix("summary of \(address), up 0:0"))
            #expect(first.lines[1].hasPrefix("queues: 3, messages: "))
            #expect(first.lines[1].hasSuffix(", connections: 1") || first.lines[1].hasSuffix(", connections: 2"))
            #expect(first.lines[2].hasPrefix("in the last ") && first.lines[2].hasSuffix(" messages/s out"))
            let header = ["waiting", "unsettled", "bytes", "consumers", "senders", "in/s", "out/s", "queue"]
            #expect(first.lines[3].split(separator: " ").map(String.init) == header)
            // The deepest queue comes first; the others are in the order of their names.
            #expect(first.lines[4].hasSuffix(" orders") && first.lines[5].hasSuffix(" busy"))
            let orders = try #require(first.queues["orders"])
            #expect(Array(orders[...1]) == ["5", "0"] && orders[3] == "0" && orders[5] != "0.0" && orders[6] == "0.0")
            #expect(first.queues["busy"]?[3] == "1" && first.queues["busy"]?[5] != "0.0")
            #expect(first.queues["empty"] == ["0", "0", "0", "0", "0", "0.0", "0.0", "empty"])
            let starts = first.lines[3...].map { line in line.count - (line.split(separator: " ").last?.count ?? 0) }
            #expect(Set(starts).count == 1, "the columns are aligned")

            // Nothing has happened since.
            let second = try await summary(of: broker, lines: 7)
            #expect(second.lines[2].hasSuffix(": 0.0 messages/s in, 0.0 messages/s out"))
            #expect(second.queues["orders"].map { Array($0[5...6]) } == ["0.0", "0.0"])
            broker.send(SIGTERM)
            #expect(try await broker.waitForEnd().ending == .exited(0))
        }
    }

    @Test("Of many queues the fifty deepest are shown")
    func manyQueues() async throws {
        try await withPrograms { programs in
            let queues = (1...60).flatMap { ["--queue", "queue-\($0)"] }
            let (broker, address) = try await programs.startBroker(queues)
            try await expectSuccess(
                try programs.start(.swift, "simple_send", "-a", "\(address)/queue-60", "-m", "1"), confirmed)
            let summary = try await summary(of: broker, lines: 55)
            #expect(summary.queues.count == 50 && summary.lines[4].hasSuffix(" queue-60"))
            #expect(summary.lines[54] == "and more queues: 10, with messages: 0")
        }
    }

    @Test("A summary that nobody reads is no reason to end")
    func closedOutput() async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let broker = try programs.startBrokerWithoutOutput(address)
            try await broker.waitUntilListening(on: address)
            // At once, when it may not have come to watch for the signal, and when it serves.
            for _ in 1...2 {
                broker.send(SIGUSR1)
                try await expectSuccess(
                    try programs.start(.swift, "simple_send", "-a", "\(address)/examples", "-m", "1"), confirmed)
            }
            broker.send(SIGTERM)
            #expect(try await broker.waitForEnd().ending == .exited(0))
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ProtonTesting
import TestPrograms
import Testing

/// `amqp bench`, on this package's broker and on Python's.
@Suite(.timeLimit(.minutes(2)))
struct BenchTests {
    private struct Report: Decodable {
        struct Latency: Decodable {
            let p50: Double
            let p99: Double
            let max: Double
        }

        let accepted: Int
        let received: Int
        let refused: Int
        let seconds: Double
        let acceptedPerSecond: Double
        let latencyMilliseconds: Latency?
    }

    private func report(_ run: Tool.Run) throws -> Report {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Report.self, from: Data(run.output.utf8))
    }

    @Test func everyMessageIsCountedOnceOverSeveralConnections() throws {
        try withBroker { broker in
            let run = try Tool(broker.address)
                .run(
                    "bench", "--count", "5000", "--connections", "3", "--senders", "4", "--receivers", "3", "-o", "json"
                )
            let report = try report(run)
            #expect((report.accepted, report.received, report.refused) == (5_000, 5_000, 0))
            let latency = try #require(report.latencyMilliseconds)
            #expect(latency.p50 > 0 && latency.p50 <= latency.p99 && latency.p99 <= latency.max)
            expectDone(run, run.output, errors: "")
        }
    }

    @Test func aRateIsKept() throws {
        try withBroker { broker in
            let run = try Tool(broker.address).run("bench", "--count", "300", "--rate", "200", "-o", "json")
            let report = try report(run)
            #expect(report.accepted == 300)
            #expect(report.seconds >= 1.4, "300 messages at 200 a second take a second and a half")
        }
    }

    @Test func peopleReadLines() throws {
        let broker = try PythonBroker()
        let run = try Tool(broker.address).run("bench", "--count", "2000", "--size", "1000")
        #expect(run.ending == .exited(0), "\(run.errors)")
        #expect(run.lines.first == "bench: body 1000 bytes, senders 1, receivers 1, connections 1")
        #expect(run.output.contains("2,000 accepted"))
        #expect(run.output.contains("latency   p50 "))
    }

    @Test func aQueueIsFilledAndEmptied() throws {
        try withBroker { broker in
            let tool = try Tool(broker.address)
            #expect(
                try report(tool.run("bench", "q", "--count", "50", "--receivers", "0", "-o", "json")).accepted == 50)
            #expect(try report(tool.run("bench", "q", "--count", "50", "--senders", "0", "-o", "json")).received == 50)
        }
    }

    @Test func whatIsWrongIsSaid() throws {
        let tool = try Tool("127.0.0.1:1")
        expectFailure(try tool.run("bench"), 2, "Cannot connect to 127.0.0.1:1")
        expectFailure(try tool.run("bench", "--size", "15"), 64, "--size is from 16")
        expectFailure(try tool.run("bench", "--senders", "0", "--receivers", "0"), 64, "nothing to measure")
        expectFailure(try tool.run("bench", "--count", "1", "--time", "1s"), 64, "one of --count and --time")
        expectFailure(try tool.run("bench", "--rate", "0"), 64, "--rate is above 0")
    }
}

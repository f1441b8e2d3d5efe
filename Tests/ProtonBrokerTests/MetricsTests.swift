// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import MetricsTestKit
import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// What a broker tells the metrics of its program.
struct MetricsTests {
    /// Says when a broker has told all of its metrics: the number of senders comes last.
    private final class Ticker: MetricsFactory, RecorderHandler {
        let ticks: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation

        init() { (ticks, continuation) = AsyncStream.makeStream() }

        func record(_ value: Int64) { continuation.yield() }
        func record(_ value: Double) { continuation.yield() }

        func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
            label == "proton_broker_senders" ? self : NOOPMetricsHandler.instance
        }

        func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
            NOOPMetricsHandler.instance
        }

        func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
            NOOPMetricsHandler.instance
        }

        func destroyCounter(_ handler: any CounterHandler) {}
        func destroyRecorder(_ handler: any RecorderHandler) {}
        func destroyTimer(_ handler: any TimerHandler) {}
    }

    /// What a factory was told last.
    private struct Reading: Equatable {
        var queues = 0.0
        var waiting = 0.0
        var unsettled = 0.0
        var bytes = 0.0
        var connections = 0.0
        var consumers = 0.0
        var senders = 0.0
        var received: Int64 = 0
        var removed: Int64 = 0

        init() {}

        init(_ metrics: TestMetrics, _ broker: Broker) throws {
            let dimensions = [("broker", broker.address)]
            func gauge(_ name: String) throws -> Double {
                try #require(metrics.expectGauge("proton_broker_\(name)", dimensions).lastValue)
            }
            func count(_ name: String) throws -> Int64 {
                try metrics.expectCounter("proton_broker_\(name)", dimensions).totalValue
            }
            (queues, waiting) = (try gauge("queues"), try gauge("messages_waiting"))
            (unsettled, bytes) = (try gauge("messages_unsettled"), try gauge("message_bytes"))
            (connections, consumers) = (try gauge("connections"), try gauge("consumers"))
            senders = try gauge("senders")
            (received, removed) = (try count("messages_received_total"), try count("messages_removed_total"))
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func toldEveryInterval() async throws {
        let (metrics, ticker, clock) = (TestMetrics(), Ticker(), TestClock())
        var options = BrokerOptions()
        options.metricsInterval = .seconds(10)
        let broker = try withMetricsFactory(MultiplexMetricsHandler(factories: [metrics, ticker])) {
            try Broker.start(options: options, clock: clock)
        }
        defer { broker.stop() }
        var ticks = ticker.ticks.makeAsyncIterator()
        var expected = Reading()
        #expect(await ticks.next() != nil)
        #expect(try Reading(metrics, broker) == expected)

        try broker.send("a", "b", "c", to: "q")
        try await broker.wait { $0.connections.isEmpty }
        let script = Script(broker)
        script.message = { event in
            event.delivery.settle(.accepted)
            script.finish()
        }
        try script.run { try $0.createReceiver($1, "q").flow(1) }
        let status = try await broker.wait { $0.connections.isEmpty && $0.removed == 1 }
        clock.advance(by: .seconds(10))
        #expect(await ticks.next() != nil)
        (expected.queues, expected.waiting, expected.received, expected.removed) = (1, 2, 3, 1)
        expected.bytes = Double(status.bytes)
        #expect(try Reading(metrics, broker) == expected)

        // Counters rise by what is new only.
        clock.advance(by: .seconds(10))
        #expect(await ticks.next() != nil)
        #expect(try Reading(metrics, broker) == expected)
    }

    @Test func countsThatSeemToGoBackStandStill() throws {
        let metrics = TestMetrics()
        let count = withMetricsFactory(metrics) { RisingCount(Counter(label: "count")) }
        let counter = try metrics.expectCounter("count")
        for (value, total) in [(0, 0), (5, 5), (3, 5), (5, 5), (6, 6)] as [(UInt64, Int64)] {
            count.rise(to: value)
            #expect(counter.totalValue == total)
        }
    }

    @Test func offByDefault() throws {
        let metrics = TestMetrics()
        let broker = try withMetricsFactory(metrics) { try Broker.start() }
        defer { broker.stop() }
        #expect(metrics.counters.isEmpty && metrics.recorders.isEmpty)
    }

    @Test func tooShortAnInterval() {
        var options = BrokerOptions()
        options.metricsInterval = .milliseconds(999)
        let error = #expect(throws: ProtonError.self) { try Broker("127.0.0.1:0", options: options) }
        #expect(error?.code == .invalidArgument && error?.message.contains("metricsInterval") == true)
    }
}

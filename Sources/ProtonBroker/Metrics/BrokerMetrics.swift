// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Proton
import ProtonUtilities
import Synchronization

/// Reports a broker's status to swift-metrics at intervals: `BrokerOptions.metricsInterval`.
///
/// It reads the broker's status, so that messages have no additional cost.
final class BrokerMetrics: Sendable {
    /// Calls a function after a delay, on one of the broker's threads.
    typealias Scheduler = @Sendable (Duration, @escaping @Sendable () -> Void) -> Void

    private let context: BrokerContext
    private let interval: Duration
    private let schedule: Scheduler

    private let queues: Gauge
    private let waiting: Gauge
    private let unsettled: Gauge
    private let bytes: Gauge
    private let connections: Gauge
    private let consumers: Gauge
    private let senders: Gauge
    private let received: RisingCount
    private let removed: RisingCount

    /// - Parameter name: distinguishes this broker's metrics from those of others in the process: their dimension `broker`.
    init(_ context: BrokerContext, name: String, interval: Duration, _ schedule: @escaping Scheduler) {
        self.context = context
        self.interval = interval
        self.schedule = schedule
        let dimensions = [("broker", name)]
        func gauge(_ name: String) -> Gauge { Gauge(label: "proton_broker_\(name)", dimensions: dimensions) }
        func count(_ name: String) -> RisingCount {
            RisingCount(Counter(label: "proton_broker_\(name)", dimensions: dimensions))
        }
        queues = gauge("queues")
        waiting = gauge("messages_waiting")
        unsettled = gauge("messages_unsettled")
        bytes = gauge("message_bytes")
        connections = gauge("connections")
        consumers = gauge("consumers")
        senders = gauge("senders")
        received = count("messages_received_total")
        removed = count("messages_removed_total")
    }

    /// Reads now, and then at each interval while the broker runs.
    func start() {
        read()
        schedule(interval) { [weak self] in self?.start() }
    }

    private func read() {
        let status = context.status
        func sum(_ field: KeyPath<QueueStatus, Int>) -> Int { status.queues.reduce(0) { $0 + $1[keyPath: field] } }
        received.rise(to: status.received)
        removed.rise(to: status.removed)
        queues.record(status.queues.count)
        waiting.record(sum(\.waiting))
        unsettled.record(sum(\.unsettled))
        bytes.record(status.bytes)
        connections.record(status.connections.count)
        consumers.record(sum(\.consumers))
        senders.record(sum(\.senders))
    }
}

/// A counter that is set to its total, rather than incremented.
final class RisingCount: Sendable {
    private let counter: Counter
    private let last = Mutex<UInt64>(0)

    init(_ counter: Counter) { self.counter = counter }

    /// Sets the total. A lower one, which can occur if queues change between two reads, is ignored.
    func rise(to count: UInt64) {
        let difference = last.withLock { last in
            guard count > last else { return UInt64(0) }
            return count - exchange(&last, with: count)
        }
        if difference > 0 { counter.increment(by: difference) }
    }
}

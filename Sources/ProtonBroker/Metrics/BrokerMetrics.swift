import CoreMetrics
import Proton

/// Tells swift-metrics what a broker holds and whom it serves, from time to time: `BrokerOptions.metricsInterval`.
///
/// It reads the broker's status, so that a message costs nothing more than without metrics.
final class BrokerMetrics: Sendable {
    /// Has something done after a time, on one of the broker's threads.
    typealias Scheduler = @Sendable (Duration, @escaping @Sendable () -> Void) -> Void

    private let core: BrokerCore
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

    /// - Parameter name: what tells this broker's metrics from those of others in the process: their dimension `broker`.
    init(_ core: BrokerCore, name: String, interval: Duration, _ schedule: @escaping Scheduler) {
        self.core = core
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

    /// Reads now, and then every interval as long as the broker runs.
    func start() {
        read()
        schedule(interval) { [weak self] in self?.start() }
    }

    private func read() {
        let status = core.status
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

import Logging
import Proton
import Synchronization

/// What all connections of a broker share; each of its threads may use it.
struct BrokerCore: Sendable {
    let options: BrokerOptions
    let nodes: NodeTable
    let peers: Peers
    let logger: Logger
    let limitLog: LimitLog
    /// How far the store has come; nil where there is none.
    let storeProgress: StoreProgress?

    /// - Throws: where the options' store cannot be read.
    init(_ options: BrokerOptions, clock: QueueClock) throws {
        self.options = options
        logger = options.logger ?? Logger(label: "proton.broker")
        limitLog = LimitLog(clock, logger: logger)
        let support = NodeSupport(maxBytes: options.maxBytes, clock: clock, store: options.store, limitLog: limitLog)
        nodes = NodeTable(options, support)
        peers = Peers(support.changes)
        storeProgress = options.store.map { _ in StoreProgress() }
        try nodes.recover()
        if options.store != nil {
            let queues = nodes.status
            logger.info(
                "read the store",
                metadata: ["queues": "\(queues.count)", "messages": "\(queues.reduce(0) { $0 + $1.waiting })"])
        }
        if let storeProgress { try options.store?.start { storeProgress.advance(to: $0) } }
    }

    /// Has a container's timers tell the nodes of the time, and swift-metrics of the broker.
    /// - Parameter name: what tells the broker's metrics from those of others.
    /// - Returns: the metrics, still to be started; nil where nobody wants any.
    func useTimers(of container: Container, name: String) -> BrokerMetrics? {
        let handle = container.handle
        // A container that has ended needs no timers.
        let schedule: BrokerMetrics.Scheduler = { delay, body in
            _ = try? handle.schedule(after: delay) { _ in body() }
        }
        nodes.setTimer(schedule)
        return options.metricsInterval.map { BrokerMetrics(self, name: name, interval: $0, schedule) }
    }

    var status: BrokerStatus {
        let (queues, support) = (nodes.status, nodes.support)
        return BrokerStatus(
            queues: queues, connections: peers.all, bytes: support.budget.used,
            received: support.received.load(ordering: .relaxed) + queues.reduce(0) { $0 + $1.received },
            removed: support.removed.load(ordering: .relaxed) + queues.reduce(0) { $0 + $1.removed })
    }
}

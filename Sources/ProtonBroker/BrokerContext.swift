// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Proton
import Synchronization

/// The objects that all connections and queues of a broker share; each of its threads may use it.
final class BrokerContext: Sendable {
    let options: BrokerOptions
    let clock: QueueClock
    let logger: Logger
    let limitLog: LimitLog
    let memory: MemoryBudget
    let changes = Changes()
    let schedule: Schedule
    let connections: ConnectionList
    /// How many connections each host and each user has.
    let peers = PeerCounts()
    let rules: CurrentRules
    let admission: PeerAdmission
    let linkNames = LinkRegistry()
    let table: AddressTable
    /// The store of durable messages; nil if the broker has none.
    let store: BrokerStore?
    /// How many messages arrived in, and left, queues that are deleted.
    let received = Atomic<UInt64>(0)
    let removed = Atomic<UInt64>(0)

    /// - Throws: if the options' store cannot be read.
    init(_ options: BrokerOptions, clock: QueueClock, limitLog: LimitLog? = nil) throws {
        self.options = options
        self.clock = clock
        self.limitLog = limitLog ?? BrokerContext.limitLog(options, clock)
        logger = options.logger ?? BrokerContext.defaultLogger
        memory = MemoryBudget(limit: options.maxBytes)
        schedule = Schedule(clock)
        connections = ConnectionList(changes)
        table = AddressTable(options)
        rules = CurrentRules(options.rules)
        admission = PeerAdmission(anonymous: options.anonymousPeers, limits: options.peerLimits)
        store = options.store.map { BrokerStore($0) }
        table.declare(options.queues, self)
        try readStore()
    }

    private static var defaultLogger: Logger { Logger(label: "proton.broker") }

    /// The log of limits that the options' logger writes.
    static func limitLog(_ options: BrokerOptions, _ clock: QueueClock) -> LimitLog {
        LimitLog(clock, logger: options.logger ?? defaultLogger)
    }

    private func readStore() throws {
        guard let store else { return }
        try table.recover(from: store, self)
        let queues = table.status
        logger.info(
            "read the store",
            metadata: ["queues": "\(queues.count)", "messages": "\(queues.reduce(0) { $0 + $1.waiting })"])
        let (logger, changes) = (logger, changes)
        try store.start { failure in
            if let failure {
                logger.error("takes no durable messages: \(failure)")
            } else {
                logger.notice("takes durable messages again")
            }
            changes.note()
        }
    }

    /// Connects the queues and swift-metrics to a container's timers.
    /// - Parameter name: distinguishes the broker's metrics from those of others.
    /// - Returns: the metrics, which have to be started; nil if the options set no interval.
    func useTimers(of container: Container, name: String) -> BrokerMetrics? {
        let handle = container.handle
        // A container that has ended needs no timers.
        let start: Schedule.StartTimer = { delay, body in try? handle.schedule(after: delay) { _ in body() } }
        schedule.start(start) { [weak self] queue in
            queue.advance()
            // All of its messages may have expired.
            self?.table.forgetIfUnused(queue)
        }
        return options.metricsInterval.map { interval in
            BrokerMetrics(self, name: name, interval: interval) { delay, body in _ = start(delay, body) }
        }
    }

    /// Releases the queues, which keep this object: the broker has ended.
    func end() { table.removeAll() }

    var status: BrokerStatus {
        let queues = table.status
        return BrokerStatus(
            queues: queues, connections: connections.all, bytes: memory.used,
            received: received.load(ordering: .relaxed) + queues.reduce(0) { $0 + $1.received },
            removed: removed.load(ordering: .relaxed) + queues.reduce(0) { $0 + $1.removed },
            storeFailure: store?.failure)
    }

    // MARK: Dead letters

    /// Moves a message that cannot be delivered to the dead-letter queue.
    ///
    /// The store removes the message from its queue in the same group that adds it to the dead-letter queue: it is always in one
    /// of them.
    func deadLetter(_ message: QueuedMessage, from queue: Queue, _ reason: DeadLetterReason) {
        let removal =
            message.isStored ? StoreChange.remove(queue: queue.settings.storeID, place: message.place) : nil
        let address = queue.subscription?.address ?? queue.address
        let target: Queue
        do throws(ConditionError) {
            target = try deadLetterQueue(of: queue)
        } catch {
            if let removal { _ = store?.write([removal]) }
            return limitLog.note(.rejected, error.reason, address: address)
        }
        defer { table.release(target) }
        do throws(MessageError) {
            try target.receiveDeadLetter(message.deadLetter(from: address, reason), removal: removal)
        } catch {
            limitLog.note(.rejected, error.reason, address: address)
        }
    }

    private func deadLetterQueue(of queue: Queue) throws(ConditionError) -> Queue {
        guard let address = queue.currentSettings.deadLetterAddress else {
            throw ConditionError(.notFound, "There is no dead-letter address.")
        }
        return try table.use(address, by: nil, self)
    }
}

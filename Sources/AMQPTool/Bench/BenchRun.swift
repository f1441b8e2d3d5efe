// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import Proton
import Synchronization

/// A measurement that is under way: its senders and receivers, and what they have counted.
final class BenchRun: Sendable {
    /// What was counted up to a moment.
    struct Counts: Sendable {
        var accepted = 0
        /// Messages that the peer rejected or released, or that were not sent.
        var refused = 0
        /// Why the first of them was.
        var reason: String?
        var received = 0
        var latency = LatencyHistogram()
        var sendersEnded: ContinuousClock.Instant?
    }

    /// How many messages are sent, or settled, in one go.
    private static let batch = 64
    /// How long receivers wait for messages that were accepted, and of which none comes.
    private static let patience = Duration.seconds(5)

    private let plan: BenchPlan
    private let counts = Mutex(Counts())
    /// How many messages have been begun.
    private let begun = Atomic(0)
    private let start = ContinuousClock.now

    init(_ plan: BenchPlan) { self.plan = plan }

    /// What was counted so far.
    var current: Counts { counts.withLock { $0 } }

    /// Measures until the plan is done, or the task is cancelled.
    /// - Parameter connections: those that senders and receivers are spread over.
    /// - Throws: what ends a link.
    func run(over connections: [AMQPConnection]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var receivers: [AMQPReceiver] = []
            for number in 0..<plan.receivers {
                let receiver = connections[number % connections.count].receiver(from: plan.address, window: 1_000)
                // A topic has messages for those only who are there.
                try await receiver.attach()
                receivers.append(receiver)
            }
            for receiver in receivers { group.addTask { try await self.receive(receiver) } }
            try await sendAll(connections)
            counts.withLock { $0.sendersEnded = .now }
            if plan.receivers > 0 { try await waitForReceivers() }
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
    }

    // MARK: Sending

    private func sendAll(_ connections: [AMQPConnection]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<plan.senders {
                let sender = connections[number % connections.count].sender(to: plan.address)
                group.addTask { try await self.send(sender) }
            }
            try await group.waitForAll()
        }
    }

    private func send(_ sender: AMQPSender) async throws {
        var unsettled = Deque<SendReceipt>()
        try await sender.attach()
        while let numbers = nextNumbers(), !Task.isCancelled {
            let messages = try await messages(numbers)
            unsettled.append(contentsOf: try await sender.submit(contentsOf: messages))
            while unsettled.count > plan.unsettled { await count(unsettled.removeFirst()) }
        }
        while let receipt = unsettled.popFirst() { await count(receipt) }
    }

    /// The numbers of the messages that come next; nil when there are enough.
    private func nextNumbers() -> Range<Int>? {
        // At a rate, each message waits for its own time.
        let count = plan.rate == nil ? min(Self.batch, plan.unsettled) : 1
        let first = begun.add(count, ordering: .relaxed).oldValue
        switch plan.extent {
        case .messages(let total): return first < total ? first..<min(first + count, total) : nil
        case .time(let time): return ContinuousClock.now < start + time ? first..<first + count : nil
        }
    }

    private func messages(_ numbers: Range<Int>) async throws -> [Message] {
        var time = BenchStamp.now()
        if let rate = plan.rate {
            // The time when it was to be sent counts, not when it could be: else a broker that stalls would look fast.
            let instant = start + .seconds(Double(numbers.lowerBound) / rate)
            try await Task.sleep(until: instant)
            time -= min(time, BenchStamp.nanoseconds(instant.duration(to: .now)))
        }
        return numbers.map { _ in
            var message = Message(body: .data(BenchStamp.body(time, size: plan.size)))
            if plan.isDurable { message.isDurable = true }
            return message
        }
    }

    private func count(_ receipt: SendReceipt) async {
        do {
            switch try await receipt.outcome {
            case .accepted: counts.withLock { $0.accepted += 1 }
            case let outcome: countRefused("\(outcome)")
            }
        } catch {
            // Who stops the measurement does not wait for the outcomes of what is on its way.
            if !Task.isCancelled { countRefused("\(error)") }
        }
    }

    private func countRefused(_ reason: String) {
        counts.withLock { counts in
            counts.refused += 1
            counts.reason = counts.reason ?? reason
        }
    }

    // MARK: Receiving

    private func receive(_ receiver: AMQPReceiver) async throws {
        for try await deliveries in receiver.batches(of: Self.batch) {
            let now = BenchStamp.now()
            let times = deliveries.compactMap { BenchStamp.time(of: $0.message) }
            receiver.settle(deliveries)
            counts.withLock { counts in
                counts.received += deliveries.count
                for time in times { counts.latency.record(now > time ? now - time : 0) }
            }
        }
    }

    /// Waits until the receivers have what they may expect.
    private func waitForReceivers() async throws {
        var last = (received: -1, time: ContinuousClock.now)
        while true {
            let counts = current
            switch plan.extent {
            case _ where plan.senders > 0: if counts.received >= counts.accepted { return }
            case .messages(let total): if counts.received >= total { return }
            case .time(let time): if ContinuousClock.now >= start + time { return }
            }
            if counts.received > last.received { last = (counts.received, .now) }
            if plan.senders > 0, ContinuousClock.now > last.time + Self.patience { return }
            // A look ten times a second: what receivers count costs them a lock a batch, and no event a message.
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Proton
import ProtonBroker
import ProtonUtilities
import Synchronization

/// Prints what the broker holds and whom it serves, each time that it is asked to.
final class Summary: Sendable {
    /// What the summary before this one has found, for the rates.
    private struct Reading {
        var time: ContinuousClock.Instant
        var received: UInt64 = 0
        var removed: UInt64 = 0
        var queues: [String: QueueStatus] = [:]
    }

    private let broker: Broker
    private let start: ContinuousClock.Instant
    private let last: Mutex<Reading>
    /// Where it is printed, which may take long: a terminal can be held up.
    private let printing = DispatchQueue(label: "summary")
    private let isAskedFor = Atomic(false)

    init(_ broker: Broker) {
        self.broker = broker
        start = .now
        last = Mutex(Reading(time: start))
    }

    /// Prints a summary soon; one that is about to be printed is enough.
    func request() {
        guard !isAskedFor.exchange(true, ordering: .relaxed) else { return }
        printing.async { [self] in
            isAskedFor.store(false, ordering: .relaxed)
            text().write(to: STDOUT_FILENO)
        }
    }

    // MARK: The text

    /// How many queues are shown.
    private static let maxQueues = 50

    private func text() -> String {
        let (status, now) = (broker.status, ContinuousClock.now)
        let queues = Dictionary(status.queues.map { ($0.address, $0) }) { $1 }
        let reading = Reading(time: now, received: status.received, removed: status.removed, queues: queues)
        let before = last.withLock { last in exchange(&last, with: reading) }
        let seconds = max(0.001, (now - before.time) / .seconds(1))
        func rates(_ new: (UInt64, UInt64), _ old: (UInt64, UInt64)) -> (in: String, out: String) {
            // A queue that was forgotten and made again begins at nothing.
            func rate(_ new: UInt64, _ old: UInt64) -> String {
                Summary.decimal(Double(new >= old ? new - old : new) / seconds)
            }
            return (rate(new.0, old.0), rate(new.1, old.1))
        }
        let total = rates((status.received, status.removed), (before.received, before.removed))
        var lines = [
            "summary of \(broker.addresses.joined(separator: ", ")), up \(Summary.clock(now - start))",
            "queues: \(status.queues.count), messages: \(status.messages), bytes: \(status.bytes), "
                + "connections: \(status.connections.count)",
            "in the last \(Summary.decimal(seconds)) s: \(total.in) messages/s in, \(total.out) messages/s out",
        ]
        let deepest = status.queues.sorted { ($0.depth, $1.address) > ($1.depth, $0.address) }
        var rows = [["waiting", "unsettled", "bytes", "consumers", "senders", "in/s", "out/s", "queue"]]
        for queue in deepest.prefix(Summary.maxQueues) {
            let old = before.queues[queue.address]
            let rate = rates((queue.received, queue.removed), (old?.received ?? 0, old?.removed ?? 0))
            let numbers = [queue.waiting, queue.unsettled, queue.bytes, queue.consumers, queue.senders]
            rows.append(numbers.map(String.init) + [rate.in, rate.out, queue.address.escapedForTerminal(upTo: 60)])
        }
        if rows.count > 1 { lines += Summary.table(rows) }
        let rest = deepest.dropFirst(Summary.maxQueues)
        if !rest.isEmpty {
            lines.append("and more queues: \(rest.count), with messages: \(rest.reduce(0) { $0 + $1.depth })")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Rows with their columns aligned: numbers to the right, the last one, of texts, to the left.
    private static func table(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let numbers = zip(row, widths).dropLast().map { text, width in
                String(repeating: " ", count: width - text.count) + text
            }
            return (numbers + row.suffix(1)).joined(separator: "  ")
        }
    }

    /// A number with one digit after the point.
    private static func decimal(_ number: Double) -> String {
        let tenths = Int(clamping: Int64((min(number, 1e15) * 10).rounded()))
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// A time as hours, minutes and seconds.
    private static func clock(_ time: Duration) -> String {
        let seconds = time.components.seconds
        func twoDigits(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(seconds / 3_600):\(twoDigits(seconds / 60 % 60)):\(twoDigits(seconds % 60))"
    }
}

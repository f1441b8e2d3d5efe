// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonBroker

/// A broker's status as metrics: totals, and each of its queues.
enum BrokerExposition {
    /// The most queues that have series of their own: those with the most messages, in the order of their addresses.
    ///
    /// The rest have sums only, so that a peer that makes many queues does not fill what collects the metrics.
    static let maxQueues = 200

    /// The names are those that the library has for swift-metrics.
    private static let prefix = "proton_broker_"

    /// Adds the metrics of a broker.
    static func add(_ status: BrokerStatus, to text: inout PrometheusText) {
        addTotals(status, to: &text)
        let (listed, rest) = split(status.queues)
        addUnlisted(rest, to: &text)
        addQueues(listed, to: &text)
    }

    /// The queues that are listed, and the others.
    static func split(_ queues: [QueueStatus]) -> (listed: [QueueStatus], rest: [QueueStatus]) {
        guard queues.count > maxQueues else { return (queues, []) }
        let deepest = queues.sorted { ($0.depth, $1.address) > ($1.depth, $0.address) }
        let listed = deepest.prefix(maxQueues).sorted { $0.address < $1.address }
        return (listed, Array(deepest.dropFirst(maxQueues)))
    }

    private static func addTotals(_ status: BrokerStatus, to text: inout PrometheusText) {
        func sum(_ field: KeyPath<QueueStatus, Int>) -> Int { status.queues.reduce(0) { $0 + $1[keyPath: field] } }
        func gauge(_ name: String, _ help: String, _ value: Int) { text.add(prefix + name, .gauge, help, value) }
        func count(_ name: String, _ help: String, _ value: UInt64) { text.add(prefix + name, .counter, help, value) }
        gauge("queues", "Queues, and subscriptions to topics.", status.queues.count)
        gauge("messages_waiting", "Messages that wait to be sent.", sum(\.waiting))
        gauge(
            "messages_unsettled", "Messages that were given to consumers or to open transactions, and are not settled.",
            sum(\.unsettled))
        gauge("message_bytes", "Bytes of memory that all messages take.", status.bytes)
        gauge("connections", "Connections that are open.", status.connections.count)
        gauge("consumers", "Links that receive from queues.", sum(\.consumers))
        gauge("senders", "Links that send to queues.", sum(\.senders))
        count("messages_received_total", "Messages that have come into queues.", status.received)
        count("messages_removed_total", "Messages that have left their queues for good.", status.removed)
        gauge(
            "store_failed", "1 where the store cannot be written, so that no durable message is accepted.",
            status.storeFailure == nil ? 0 : 1)
    }

    /// Gauges only: a counter of these queues would fall when one of them is listed.
    private static func addUnlisted(_ queues: [QueueStatus], to text: inout PrometheusText) {
        func gauge(_ name: String, _ what: String, _ value: Int) {
            text.add(
                prefix + name, .gauge, "\(what) without series of their own: more than \(maxQueues) are not listed.",
                value)
        }
        gauge("unlisted_queues", "Queues", queues.count)
        gauge("unlisted_messages", "Messages, waiting or unsettled, of queues", queues.reduce(0) { $0 + $1.depth })
        gauge("unlisted_message_bytes", "Bytes of the messages of queues", queues.reduce(0) { $0 + $1.bytes })
    }

    private static func addQueues(_ queues: [QueueStatus], to text: inout PrometheusText) {
        func add(
            _ name: String, _ kind: PrometheusText.Kind, _ help: String,
            _ field: KeyPath<QueueStatus, some BinaryInteger>
        ) {
            text.add(
                "\(prefix)queue_\(name)", kind, help,
                queues.map { PrometheusText.Sample($0[keyPath: field], labels: [("queue", $0.address)]) })
        }
        add("messages_waiting", .gauge, "Messages of a queue that wait to be sent.", \.waiting)
        add("messages_unsettled", .gauge, "Messages of a queue that were given out and are not settled.", \.unsettled)
        add("message_bytes", .gauge, "Bytes of memory that the messages of a queue take.", \.bytes)
        add("consumers", .gauge, "Links that receive from a queue, browsers included.", \.consumers)
        add("senders", .gauge, "Links that send to a queue.", \.senders)
        add("messages_received_total", .counter, "Messages that have come into a queue.", \.received)
        add("messages_removed_total", .counter, "Messages that have left a queue for good.", \.removed)
    }
}

extension QueueStatus {
    /// How many messages it holds.
    var depth: Int { waiting + unsettled }
}

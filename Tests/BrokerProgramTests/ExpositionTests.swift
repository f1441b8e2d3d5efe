// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BrokerProgram
@testable import ProtonBroker

/// Metrics as text, and the pages that the HTTP port has.
struct ExpositionTests {
    typealias Sample = PrometheusText.Sample

    @Test("Samples, labels and what has to be escaped")
    func text() {
        var text = PrometheusText()
        text.add("a_total", .counter, "A \\ and\na \"line\".", [Sample(UInt64.max)])
        text.add("b", .gauge, "B.", [])
        text.add(
            "c", .gauge, "C.",
            [
                Sample(-1, labels: [("x", "plain"), ("y", "")]),
                Sample(1.5, labels: [("x", "a\"b\\c\nd"), ("y", "é{}=,")]),
                Sample(Double.nan), Sample(Double.infinity), Sample(-Double.infinity),
            ])
        #expect(
            text.text == #"""
                # HELP a_total A \\ and\na "line".
                # TYPE a_total counter
                a_total 18446744073709551615
                # HELP c C.
                # TYPE c gauge
                c{x="plain",y=""} -1
                c{x="a\"b\\c\nd",y="é{}=,"} 1.5
                c NaN
                c +Inf
                c -Inf

                """#)
    }

    private static func queue(_ address: String, waiting: Int = 0, unsettled: Int = 0) -> QueueStatus {
        QueueStatus(
            address: address, waiting: waiting, unsettled: unsettled, bytes: 10 * (waiting + unsettled), consumers: 1,
            senders: 2, received: 100, removed: 50)
    }

    private static func status(_ queues: [QueueStatus], storeFailure: String? = nil) -> BrokerStatus {
        BrokerStatus(
            queues: queues, connections: [], bytes: queues.reduce(0) { $0 + $1.bytes }, received: 1_000, removed: 500,
            storeFailure: storeFailure)
    }

    /// The samples of a text by what is in front of their value.
    private static func samples(_ status: BrokerStatus) -> [String: String] {
        var text = PrometheusText()
        BrokerExposition.add(status, to: &text)
        let lines = text.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        let pairs = lines.map { line in
            let space = line.lastIndex(of: " ") ?? line.startIndex
            return (String(line[..<space]), String(line[line.index(after: space)...]))
        }
        return Dictionary(pairs) { first, _ in "\(first), twice" }
    }

    @Test("Totals and queues")
    func queues() {
        let samples = Self.samples(
            Self.status(
                [Self.queue("a", waiting: 3, unsettled: 1), Self.queue("b\"", waiting: 5)], storeFailure: "No space."))
        #expect(
            samples == [
                "proton_broker_queues": "2", "proton_broker_messages_waiting": "8",
                "proton_broker_messages_unsettled": "1",
                "proton_broker_message_bytes": "90", "proton_broker_connections": "0", "proton_broker_consumers": "2",
                "proton_broker_senders": "4", "proton_broker_messages_received_total": "1000",
                "proton_broker_messages_removed_total": "500", "proton_broker_store_failed": "1",
                "proton_broker_unlisted_queues": "0", "proton_broker_unlisted_messages": "0",
                "proton_broker_unlisted_message_bytes": "0",
                #"proton_broker_queue_messages_waiting{queue="a"}"#: "3",
                #"proton_broker_queue_messages_waiting{queue="b\""}"#: "5",
                #"proton_broker_queue_messages_unsettled{queue="a"}"#: "1",
                #"proton_broker_queue_messages_unsettled{queue="b\""}"#: "0",
                #"proton_broker_queue_message_bytes{queue="a"}"#: "40",
                #"proton_broker_queue_message_bytes{queue="b\""}"#: "50",
                #"proton_broker_queue_consumers{queue="a"}"#: "1",
                #"proton_broker_queue_consumers{queue="b\""}"#: "1",
                #"proton_broker_queue_senders{queue="a"}"#: "2",
                #"proton_broker_queue_senders{queue="b\""}"#: "2",
                #"proton_broker_queue_messages_received_total{queue="a"}"#: "100",
                #"proton_broker_queue_messages_received_total{queue="b\""}"#: "100",
                #"proton_broker_queue_messages_removed_total{queue="a"}"#: "50",
                #"proton_broker_queue_messages_removed_total{queue="b\""}"#: "50",
            ])
    }

    @Test("Of many queues the deepest are listed, and the others are summed")
    func manyQueues() {
        let all = (0..<1_000).map { Self.queue("queue-\($0)", waiting: $0, unsettled: 1) }
        let samples = Self.samples(Self.status(all))
        let listed = samples.keys.filter { $0.hasPrefix("proton_broker_queue_messages_waiting{") }
        #expect(listed.count == BrokerExposition.maxQueues)
        #expect(samples[#"proton_broker_queue_messages_waiting{queue="queue-999"}"#] == "999")
        #expect(samples[#"proton_broker_queue_messages_waiting{queue="queue-800"}"#] == "800")
        #expect(samples[#"proton_broker_queue_messages_waiting{queue="queue-799"}"#] == nil)
        #expect(samples["proton_broker_unlisted_queues"] == "800")
        // 1 + 2 + … + 800
        #expect(samples["proton_broker_unlisted_messages"] == "320400")
        #expect(samples["proton_broker_unlisted_message_bytes"] == "3204000")
        #expect(samples["proton_broker_queues"] == "1000")
    }

    @Test(
        "Pages",
        arguments: [
            (.whole(method: "GET", path: "/healthz"), .starting, nil, .ok, "alive\n"),
            (.whole(method: "GET", path: "/healthz"), .stopping, "No space.", .ok, "alive\n"),
            (.whole(method: "GET", path: "/readyz"), .starting, nil, .unavailable, "The broker does not serve yet.\n"),
            (.whole(method: "GET", path: "/readyz"), .serving, nil, .ok, "ready\n"),
            (
                .whole(method: "GET", path: "/readyz"), .serving, "No space.", .unavailable,
                "The store cannot be written: No space.\n"
            ),
            (.whole(method: "GET", path: "/readyz"), .stopping, nil, .unavailable, "The broker is shutting down.\n"),
            (.whole(method: "GET", path: "/"), .serving, nil, .notFound, "There are /healthz, /readyz and /metrics.\n"),
            (
                .whole(method: "POST", path: "/metrics"), .serving, nil, .methodNotAllowed,
                "GET and HEAD are answered here.\n"
            ),
            (.malformed(.headTooLarge), .serving, nil, .headTooLarge, "Request Header Fields Too Large\n"),
        ] as [(HTTPRequest, ServingState, String?, HTTPStatus, String)])
    func page(request: HTTPRequest, state: ServingState, storeFailure: String?, status: HTTPStatus, text: String) {
        let response = HealthPages.response(to: request, state) { Self.status([], storeFailure: storeFailure) }
        #expect(response.status == status && response.text == text)
        #expect(response.contentType == "text/plain; charset=utf-8" && !response.isHeadOnly)
    }

    @Test("The page of metrics has those of the process as well")
    func process() {
        let figures = ProcessFigures(cpuTime: 1.25, residentBytes: 4_096, openFiles: nil, maxFiles: 1_024)
        let response = HealthPages.response(
            to: .whole(method: "HEAD", path: "/metrics"), .serving, status: { Self.status([]) }, figures: { figures })
        #expect(response.status == .ok && response.contentType == PrometheusText.contentType && response.isHeadOnly)
        #expect(response.text.contains("\nprocess_cpu_seconds_total 1.25\n"))
        #expect(response.text.contains("\nprocess_resident_memory_bytes 4096\n"))
        #expect(response.text.hasSuffix("\nprocess_max_fds 1024\n") && !response.text.contains("process_open_fds"))
        let own = ProcessFigures.read()
        #expect(own.cpuTime > 0 && (own.residentBytes ?? 0) > 1_000_000 && (own.openFiles ?? 0) >= 3)
    }
}

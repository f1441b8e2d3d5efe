// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// The program `shop_service`: HTTP on one side, messages, requests and metrics on the other.
@Suite(.serialized)
struct ShopServiceTests {
    private struct Shop {
        let program: ChildProcess
        let http: String
        let broker: String
    }

    /// Starts the service, and waits until it listens.
    private func start(_ programs: Programs, _ options: String...) async throws -> Shop {
        let http = try freeAddress()
        let port = http.split(separator: ":").last.map(String.init) ?? ""
        let program = try programs.startIntegration("shop_service", ["--port", port] + options)
        try await program.waitForLines(1)
        try await program.waitUntilListening(on: http)
        let broker = program.record.outputText.split(whereSeparator: \.isWhitespace).last ?? ""
        return Shop(program: program, http: "http://\(http)", broker: String(broker))
    }

    /// Sends an HTTP request, with a body where there is one, and returns the status and the answer.
    private func ask(_ programs: Programs, _ url: String, _ body: String...) async throws -> String {
        let script = """
            import sys, urllib.request, urllib.error
            data = sys.argv[2].encode() if len(sys.argv) > 2 else None
            try: answer = urllib.request.urlopen(urllib.request.Request(sys.argv[1], data), timeout=30)
            except urllib.error.HTTPError as error: answer = error
            print(answer.status, answer.read().decode().strip())
            """
        return try await programs.runPython(script, [url] + body)
    }

    @Test("Orders are sent, and what becomes of them comes back")
    func orders() async throws {
        try await withPrograms { programs in
            let shop = try await start(programs)
            #expect(try await ask(programs, "\(shop.http)/orders", "a book") == "202 order-1\n")
            #expect(try await ask(programs, "\(shop.http)/orders", "") == "400 There is nothing to order.\n")
            #expect(try await ask(programs, "\(shop.http)/orders/order-1") == "200 sent\n")
            #expect(try await ask(programs, "\(shop.http)/orders/order-2") == "404 There is no order order-2.\n")
            let script = """
                import sys, time, urllib.request
                from proton import Message
                from proton.utils import BlockingConnection
                connection = BlockingConnection(sys.argv[1], timeout=30)
                receiver = connection.create_receiver("orders")
                order = receiver.receive(timeout=30)
                receiver.accept()
                sender = connection.create_sender("orders.finished")
                sender.send(Message(body="delivered: " + order.body, correlation_id=order.id))
                end, status = time.monotonic() + 30, "sent"
                while status == "sent" and time.monotonic() < end:
                    status = urllib.request.urlopen(sys.argv[2], timeout=30).read().decode().strip()
                print(status)
                """
            #expect(
                try await programs.runPython(script, shop.broker, "\(shop.http)/orders/order-1")
                    == "delivered: a book\n")
            shop.program.send(SIGTERM)
            #expect(try await shop.program.waitForEnd().ending == .exited(0))
        }
    }

    @Test("A request is answered, and is a 504 where nobody answers in time")
    func prices() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let shop = try await start(programs, address, "--seconds", "2")
            #expect(shop.broker == address)
            #expect(try await ask(programs, "\(shop.http)/prices/book") == "504 No price has come in time.\n")
            let answering = try programs.startUnbuffered("async_rpc", "--serve", "-a", "\(address)/prices")
            try await answering.waitForLines(1)
            #expect(try await ask(programs, "\(shop.http)/prices/lamp") == "200 LAMP\n")
            // The request that nobody waited for any more was dropped.
            #expect(!answering.record.outputText.contains("book"))
            shop.program.send(SIGINT)
            #expect(try await shop.program.waitForEnd().ending == .exited(0))
        }
    }

    @Test("The metrics of client and broker are in one text, which Prometheus's own parser reads")
    func metrics() async throws {
        try await withPrograms { programs in
            let shop = try await start(programs)
            #expect(try await ask(programs, "\(shop.http)/orders", "a book") == "202 order-1\n")
            // The broker's are read every second.
            let script = """
                import sys, time, urllib.request
                from prometheus_client.parser import text_string_to_metric_families
                end, samples = time.monotonic() + 30, {}
                while samples.get("proton_broker_messages_waiting", 0) < 1 and time.monotonic() < end:
                    text = urllib.request.urlopen(sys.argv[1] + "/metrics", timeout=30).read().decode()
                    samples = {}
                    for family in text_string_to_metric_families(text):
                        for name, labels, value, *_ in family.samples:
                            samples[name + "".join(v for k, v in sorted(labels.items()) if k != "broker")] = value
                for name in ("proton_broker_messages_waiting", "proton_broker_queues", "proton_client_messages_sent_total",
                    "proton_client_outcomes_totalaccepted", "proton_client_outcome_duration_seconds_count",
                    "proton_client_connections"): print(name, samples.get(name))
                """
            #expect(
                try await programs.runPython(script, shop.http) == """
                    proton_broker_messages_waiting 1.0
                    proton_broker_queues 2.0
                    proton_client_messages_sent_total 1.0
                    proton_client_outcomes_totalaccepted 1.0
                    proton_client_outcome_duration_seconds_count 1.0
                    proton_client_connections 1.0

                    """)
            shop.program.send(SIGTERM)
            #expect(try await shop.program.waitForEnd().ending == .exited(0))
        }
    }
}

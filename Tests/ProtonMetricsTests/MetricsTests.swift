// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import MetricsTestKit
import Proton
import ProtonMetrics
import ProtonTesting
import Testing

/// What a client tells the metrics of its program.
@Suite(.timeLimit(.minutes(1)))
struct MetricsTests {
    private let metrics = TestMetrics()

    private func client(_ address: String, name: (@Sendable (String?) -> String)? = nil) throws -> AMQPClient {
        var client = try AMQPClient(address)
        client.instruments = [AMQPMetrics(address: name, factory: metrics)]
        return client
    }

    private func count(_ name: String, _ dimensions: (String, String)...) throws -> Int64 {
        try metrics.expectCounter("proton_client_\(name)", dimensions).totalValue
    }

    private func gauge(_ name: String, _ dimensions: (String, String)...) throws -> Double? {
        try metrics.expectGauge("proton_client_\(name)", dimensions).lastValue
    }

    private func times(_ name: String, _ dimensions: (String, String)...) throws -> [Int64] {
        try metrics.expectTimer("proton_client_\(name)", dimensions).values
    }

    @Test func messagesAndTheirOutcomes() async throws {
        try await withBroker { broker in
            try await client(broker.address).withConnection { connection in
                #expect(try gauge("connections") == 1)
                let sender = connection.sender(to: "q")
                for receipt in try await sender.submit(contentsOf: (0..<5).map { Message(body: $0) }) {
                    _ = try await receipt.outcome
                }
                try await sender.send(Message(body: 5))
                #expect(try count("messages_sent_total") == 6)
                #expect(try count("outcomes_total", ("outcome", "accepted")) == 6)
                #expect(try times("outcome_duration").count == 6)
                #expect(try times("outcome_duration").allSatisfy { $0 > 0 })

                let receiver = connection.receiver(from: "q", window: 10)
                var held: [AMQPDelivery] = []
                while held.count < 6, let delivery = try await receiver.next() { held.append(delivery) }
                held[0].accept()
                held[0].reject()
                held[1].reject()
                held[2].release(delivered: true)
                receiver.settle(held[3...])
                held.removeAll()
                #expect(try count("messages_received_total") == 6)
                #expect(try count("settlements_total", ("outcome", "accepted")) == 4)
                #expect(try count("settlements_total", ("outcome", "rejected")) == 1)
                #expect(try count("settlements_total", ("outcome", "modified")) == 1)
                // One that nobody keeps.
                var again = try await receiver.next()
                #expect(again?.message.deliveryCount == 1)
                again = nil
                #expect(try count("settlements_total", ("outcome", "none")) == 1)
            }
            #expect(try gauge("connections") == 0)
            for role in ["sender", "receiver"] {
                for name in ["credit", "messages_unsettled", "messages_waiting"] {
                    #expect(try gauge(name, ("role", role)) == 0)
                }
            }
        }
    }

    @Test func whatIsNotSent() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext(credit: 1)
            try peer.expect(.transfer)
            try peer.send(.disposition(.rejected(nil), 0))
            try peer.send(.flow(credit: 1, ["delivery-count": 1]))
            try peer.expect(.transfer)
            // Without an outcome for the second, and without credit for the third.
            try peer.send(.close(error: Condition("amqp:invalid-field")))
            try peer.expect(.close, skipping: .detach, .end)
        } asyncClient: { [self] address in
            try await client(address).withConnection { connection in
                let sender = connection.sender(to: "q")
                let receipts = try await sender.submit(contentsOf: (0..<3).map { Message(body: $0) })
                #expect(try await receipts[0].outcome == .rejected(nil))
                for receipt in receipts[1...] {
                    await #expect(throws: AMQPSendError.self) { try await receipt.outcome }
                }
                await #expect(throws: AMQPSendError.self) { try await sender.send(Message(body: 3)) }
            }
        }
        #expect(try count("messages_sent_total") == 4)
        #expect(try count("outcomes_total", ("outcome", "rejected")) == 1)
        #expect(try count("outcomes_total", ("outcome", "in_doubt")) == 1)
        #expect(try count("outcomes_total", ("outcome", "not_sent")) == 2)
        #expect(try times("outcome_duration").count == 1)
    }

    @Test func levels() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            // The sender's link.
            try peer.attachNext(credit: 3)
            try peer.expect(.transfer)
            try peer.expect(.transfer)
            try peer.send(.disposition(.accepted, 0))
            try peer.attachNext()
            try peer.expect(.flow, ["link-credit": 10], skipping: .disposition)
            try peer.send(.transfer(0, Message(body: 0), handle: 1), .transfer(1, Message(body: 1), handle: 1))
            try peer.attachNext()
            try peer.expect(.close, skipping: .flow, .detach, .disposition, .end)
            try peer.send(.close())
        } asyncClient: { [self] address in
            try await client(address).withConnection { connection in
                let sender = connection.sender(to: "q")
                let receipts = try await sender.submit(contentsOf: [Message(body: 0), Message(body: 1)])
                #expect(try await receipts[0].outcome == .accepted)
                let receiver = connection.receiver(from: "q", window: 10)
                let first = try await receiver.next()
                while receiver.waitingCount == 0 { await Task.yield() }
                // They are told when the batch is over: what is done next on the connection comes after that.
                try await connection.receiver(from: "other", window: 0).attach()
                #expect(try gauge("messages_unsettled", ("role", "receiver")) == 2)
                #expect(try gauge("messages_waiting", ("role", "receiver")) == 1)
                #expect(try gauge("credit", ("role", "receiver")) == 8)
                #expect(try gauge("messages_unsettled", ("role", "sender")) == 1)
                #expect(try gauge("credit", ("role", "sender")) == 1)
                first?.accept()
            }
        }
    }

    @Test func connectionsThatAreMadeAgain() async throws {
        try await withScriptedServer { server in
            try server.acceptSession().close()
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.answerClose()
        } asyncClient: { [self] address in
            var client = try client(address)
            client.options.reconnect = Backoff(initial: .milliseconds(5), max: .milliseconds(20))
            try await client.withConnection { connection in
                let events = connection.events
                try await connection.sender(to: "q").attach()
                for await event in events { if case .connected = event { break } }
            }
        }
        #expect(try count("connections_lost_total") == 1)
        #expect(try count("reconnects_total") == 1)
        #expect(try gauge("connections") == 0)
    }

    @Test func requestsAndTheirProcessing() async throws {
        try await withBroker { broker in
            let client = try client(broker.address)
            try await client.withConnection { connection in
                let server = Task {
                    try await connection.serve("service") { request in
                        if request.body == .value("no") { throw Delivery.Reject(nil) }
                        return Message(body: request.body.value)
                    }
                }
                _ = try await connection.request(Message(body: "yes"), to: "service")
                await #expect(throws: AMQPSendError.self) {
                    try await connection.request(Message(body: "no"), to: "service", timeout: .milliseconds(200))
                }
                server.cancel()
                try await server.value
            }
            #expect(try times("process_duration", ("result", "returned")).count == 1)
            #expect(try times("request_duration", ("result", "answered")).count == 1)
            let failed =
                try times("request_duration", ("result", "in_doubt"))
                + times("request_duration", ("result", "not_sent"))
            #expect(failed.count == 1)
        }
    }

    /// The dimension `address` is the program's choice, and bounded.
    @Test func addresses() async throws {
        try await withBroker { broker in
            try await client(broker.address) { $0 ?? "none" }.withConnection { connection in
                for number in 0..<105 { try await connection.send("a", to: "q\(number)") }
            }
            #expect(try count("messages_sent_total", ("address", "q0")) == 1)
            #expect(try count("messages_sent_total", ("address", "q99")) == 1)
            #expect(try count("messages_sent_total", ("address", "other")) == 5)
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Tracing

import InMemoryTracing
import Proton
import ProtonTesting
import ProtonTracing
import Testing
import Tracing

/// The spans of a client's messages, and the context that travels with them.
@Suite(.timeLimit(.minutes(1)))
struct TracingTests {
    private let tracer = W3CTracer()
    private var spans: InMemoryTracer { tracer.spans }

    private func client(
        _ address: String, _ annotations: AMQPTracing.ContextAnnotations = [.w3c, .qpid]
    ) throws -> AMQPClient {
        var client = try AMQPClient(address)
        client.instruments = [AMQPTracing(tracer: tracer, annotations: annotations)]
        return client
    }

    @Test func aMessageFromItsSenderToItsReceiver() async throws {
        try await withBroker { broker in
            try await client(broker.address).withConnection { connection in
                _ = try await tracer.withSpan("root") { _ in
                    try await connection.send(Message(id: 17, body: "b", correlationID: "c"), to: "q")
                }
                let delivery = try #require(try await connection.receiver(from: "q").next())
                let inner = try await delivery.process { () async throws -> String? in
                    try await connection.send("next", to: "q2")
                    return ServiceContext.current?.inMemorySpanContext?.spanID
                }
                delivery.accept()
                let root = try #require(spans.ended("root").first)
                let sent = try #require(spans.ended("send q").first)
                let processed = try #require(spans.ended("process q").first)
                let next = try #require(spans.ended("send q2").first)
                #expect((sent.kind, processed.kind) == (.producer, .consumer))
                #expect((sent.parentSpanID, sent.traceID) == (root.spanID, root.traceID))
                #expect((processed.parentSpanID, processed.traceID) == (sent.spanID, root.traceID))
                #expect(inner == processed.spanID)
                #expect((next.parentSpanID, next.traceID) == (processed.spanID, root.traceID))
                #expect(spans.activeSpans.isEmpty)

                for (span, operation) in [(sent, "send"), (processed, "process")] {
                    #expect(span.errors.isEmpty && span.status == nil)
                    let attributes = span.attributes
                    #expect(attributes.get("messaging.system") == .string("amqp"))
                    #expect(attributes.get("messaging.operation.name") == .string(operation))
                    #expect(attributes.get("messaging.operation.type") == .string(operation))
                    #expect(attributes.get("messaging.destination.name") == .string("q"))
                    #expect(attributes.get("messaging.message.id") == .string("17"))
                    #expect(attributes.get("messaging.message.conversation_id") == .string("c"))
                    #expect(attributes.get("server.address") == .string("127.0.0.1"))
                    #expect(
                        attributes.get("server.port") == .int32(Int32(connection.url.port))
                            || attributes.get("server.port") == .int64(Int64(connection.url.port)))
                }
            }
        }
    }

    @Test func aRequestAndItsResponse() async throws {
        try await withBroker { broker in
            let client = try client(broker.address)
            try await client.withConnection { connection in
                let server = Task {
                    try await client.withConnection { connection in
                        try await connection.serve("service") { request in
                            if request.body == .value("no") { throw Delivery.Reject(nil) }
                            return Message(body: request.body.value)
                        }
                    }
                }
                _ = try await connection.request(Message(body: "yes"), to: "service")
                server.cancel()
                try await server.value
            }
            let request = try #require(spans.ended("request service").first)
            let sent = try #require(spans.ended("send service").first)
            let processed = try #require(spans.ended("process service").first)
            // To the requester's node, whose name is nobody's choice.
            let answered = try #require(
                spans.finishedSpans.first { $0.operationName.hasPrefix("send") && $0.spanID != sent.spanID })
            #expect((request.kind, request.parentSpanID) == (.client, nil))
            #expect(sent.parentSpanID == request.spanID)
            #expect(processed.parentSpanID == sent.spanID)
            #expect(answered.parentSpanID == processed.spanID)
            #expect(Set(spans.finishedSpans.map(\.traceID)) == [request.traceID])
        }
    }

    @Test func whatFails() async throws {
        struct Oops: Error {}
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext(credit: 1)
            try peer.expect(.transfer)
            try peer.send(.disposition(.rejected(Condition("app:no")), 0))
            try peer.attachNext()
            try peer.expect(.flow)
            try peer.send(.transfer(0, Message(body: 0), handle: 1))
            try peer.answerClose()
        } asyncClient: { [self] address in
            try await client(address).withConnection { connection in
                let sender = connection.sender(to: "q")
                await #expect(throws: AMQPSendError.self) { try await sender.send(Message(body: 0)) }
                let waiting = Task { try await sender.send(Message(body: 1)) }
                let delivery = try #require(try await connection.receiver(from: "q").next())
                await #expect(throws: Oops.self) { try await delivery.process { throw Oops() } }
                waiting.cancel()
                _ = await waiting.result
            }
        }
        let sent = spans.ended("send q")
        let processed = try #require(spans.ended("process q").first)
        for type in ["app:no", "not_sent"] {
            #expect(sent.contains { $0.attributes.get("error.type") == .string(type) })
        }
        #expect(processed.attributes.get("error.type") == .string("Oops"))
        // A message from outside of all traces begins one.
        #expect(processed.parentSpanID == nil)
        for span in sent + [processed] {
            #expect(span.errors.count == 1)
            #expect(span.status?.code == .error)
        }
        #expect(spans.activeSpans.isEmpty)
    }

    @Test(arguments: [[.w3c, .qpid], .w3c, .qpid] as [AMQPTracing.ContextAnnotations])
    func theAnnotations(_ places: AMQPTracing.ContextAnnotations) async throws {
        try await withBroker { broker in
            try await client(broker.address, places).withConnection { connection in
                // One that is forwarded has the context of what forwards it, and only that.
                var message = Message(body: 1)
                message.annotations["x-opt-mine"] = 1
                message.annotations["traceparent"] = "old"
                message.annotations["tracestate"] = "old=1"
                message.annotations["x-opt-qpid-tracestate"] = .map(["old": "1"])
                try await connection.send(message, to: "q")
                let received = try #require(try await connection.receiver(from: "q").next()).message.annotations
                let span = try #require(spans.ended("send q").first)
                let parent: AMQPValue = .string("00-\(span.traceID)-\(span.spanID)-01")
                #expect(received["x-opt-mine"] == 1)
                #expect(received["tracestate"] == nil)
                #expect(received["traceparent"] == (places.contains(.w3c) ? parent : nil))
                #expect(
                    received["x-opt-qpid-tracestate"]
                        == (places.contains(.qpid) ? .map(["traceparent": parent]) : nil))
            }
        }
    }

    /// Whatever a peer writes there.
    @Test(arguments: [1, .map([:]), .map([1: 2]), .list([]), "00-0-0", .null] as [AMQPValue])
    func annotationsThatMakeNoSense(_ value: AMQPValue) async throws {
        try await withBroker { broker in
            try await client(broker.address).withConnection { connection in
                var message = Message(body: 1)
                message.annotations["traceparent"] = value
                message.annotations["x-opt-qpid-tracestate"] = value
                let sent = message
                try await AMQPClient(broker.address).withConnection { _ = try await $0.send(sent, to: "q") }
                let delivery = try #require(try await connection.receiver(from: "q").next())
                await delivery.process {}
                #expect(spans.ended("process q").first?.parentSpanID == nil)
            }
        }
    }
}

#endif

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Proton
import ProtonBroker
import ProtonBrokerStore
import ProtonMetrics
import ProtonServiceLifecycle
import ProtonTesting
import ProtonTracing
import Testing

#if ServiceLifecycle
import ServiceLifecycle
import UnixSignals
#endif

/// The snippets of the modules' pages, compiled: each as it is on the page, in what it needs around it.
private enum LandingPageSnippets {
    // MARK: AMQP

    static func messages() throws -> Message {
        let message = Message(id: 1, body: ["item": "pen", "count": 3], subject: "orders")
        let bytes = try message.encoded()

        let copy = try Message(decoding: bytes)
        print(copy.body)  // {'item': 'pen', 'count': 3}
        return copy
    }

    static func types() throws -> any Sendable {
        struct Order: Codable {
            var item: String
            var count: Int
        }

        let order = try Message(encoding: Order(item: "pen", count: 3))
        let read = try order.body.decode(Order.self)
        return read.count
    }

    // MARK: Proton

    static func hello() async throws {
        try await AMQPClient("localhost:5672").withConnection { connection in
            // Returns once the broker has accepted the message.
            try await connection.send("Hello World!", to: "examples")
            for try await delivery in connection.receiver(from: "examples") {
                print(delivery.message.body)
                delivery.accept()
                break
            }
        }
    }

    // MARK: ProtonEngine

    final class Handler: MessagingHandler {
        func onMessage(_ event: MessageEvent) {
            let source = event.receiver.remoteSource.address ?? "-"
            print("from \(event.connection.remoteContainerID ?? "-"), source \(source)")
            event.delivery.settle(.accepted)
        }
    }

    // MARK: ProtonBrokerStore

    #if DurableBroker
    static func store() throws {
        var options = BrokerOptions()
        options.store = try SQLiteStore("/var/lib/broker/messages.sqlite")
        let broker = try Broker("localhost:5672", options: options)
        try broker.run()
    }
    #endif

    // MARK: ProtonServiceLifecycle

    #if ServiceLifecycle
    static func service(_ logger: Logger) async throws {
        let client = try AMQPClient("amqps://broker.example")
        let service = AMQPService(client) { connection in
            try await connection.serve("service") { request in try await answer(request) }
        }
        let group = ServiceGroup(services: [service], gracefulShutdownSignals: [.sigterm], logger: logger)
        try await group.run()
    }

    static func answer(_ request: Message) async throws -> Message { request }
    #endif

    // MARK: ProtonMetrics

    static func metrics() throws -> AMQPClient {
        var client = try AMQPClient("amqps://broker.example")
        client.instruments.append(AMQPMetrics(dimensions: [("client", "orders")]))
        return client
    }

    // MARK: ProtonTracing

    #if Tracing
    static func tracing() throws -> AMQPClient {
        var client = try AMQPClient("amqps://broker.example")
        client.instruments.append(AMQPTracing(system: "rabbitmq"))
        return client
    }
    #endif
}

// MARK: ProtonTesting, AMQP

/// The snippets that can be run are.
struct LandingPageTests {
    @Test func sendsAndReceives() async throws {
        try await withMemoryNetwork { network in
            try await network.client().withConnection { connection in
                try await connection.send("hello", to: "greetings")
                #expect(network.status.queue("greetings")?.waiting == 1)
            }
        }
    }

    @Test func aMessagePrintsAsThePageSays() throws {
        #expect("\(try LandingPageSnippets.messages().body)" == "{'item': 'pen', 'count': 3}")
    }
}

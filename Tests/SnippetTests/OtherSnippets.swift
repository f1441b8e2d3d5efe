// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonBroker
import ProtonTesting
import Testing

/// The snippets of the other articles, compiled: each as it is in the article, in what it needs around it.
private enum OtherSnippets {
    // MARK: ProtonBroker.md, Security.md

    static func broker() async throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try Container(HelloWorld("localhost:\(broker.port)")).run()
        try await broker.wait { $0.queue("examples")?.waiting == 0 }
    }

    final class HelloWorld: MessagingHandler {
        init(_ server: String) {}
    }

    static func secured() throws -> Broker {
        var options = BrokerOptions()
        options.users = try UserFile(path: "users")  // broker --users users --add-user alice
        options.rules = try AccessRules(path: "rules")
        options.tls = TLSServerOptions(certificate: TLSCertificate(file: "server.pem", keyFile: "server.key"))
        let broker = try Broker("localhost:5672", "amqps://0.0.0.0", options: options)
        return broker
    }

    // MARK: Management.md

    static func declaring() async throws {
        let client = try AMQPClient("amqp://localhost")
        try await client.withConnection { connection in
            let request = Message(
                body: ["maxMessages": 10_000, "policy": "reject"],
                properties: ["operation": "CREATE", "type": "proton.broker.queue", "name": "orders"])
            let response = try await connection.request(request, to: "$management")
            print(response.properties["statusCode"] ?? .null, response.body)
        }
    }

    // MARK: TestingPrograms.md

    static func clock(_ address: String) throws -> (AMQPClient, ContainerThread) {
        let clock = TestClock()
        let thread = try ContainerThread(Container(clock: clock))
        var client = try AMQPClient(address)
        client.container = thread.container
        return (client, thread)
    }

    final class Worker: MessagingHandler {}

    final class Orders: MessagingHandler {
        init(count: Int) {}
    }

    static func vanishing() throws {
        try withBrokerInMemory { broker in
            let worker = try broker.start(Worker())
            try broker.start(Orders(count: 10))
            try broker.run()
            worker.cut()  // or `unplug()`: then the broker finds out by its heartbeats
            try broker.run()
            #expect(broker.status.queue("orders")?.waiting == 10)
            broker.clock.advance(by: .seconds(3_600))  // the orders' time to live
            try broker.run()
            #expect(broker.status.messages == 0)
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// Who may manage what, by rules.
struct ManagementAccessTests {
    private static let rules = """
        allow root   manage               $management
        allow alice  manage               orders/#
        allow alice  manage               topic/news
        allow bob    send,receive,create  #
        allow carol  *                    topic/#
        """

    private func start() throws -> Broker {
        try Broker.startWithUsers(rules: Self.rules) { $0.queues = [QueueDeclaration("secret")] }
    }

    private func subscription(_ name: String) -> ApplicationProperties {
        ["type": "proton.broker.subscription", "name": .string(name)]
    }

    @Test func whoMayManageAnAddressManagesThatOnly() async throws {
        let broker = try start()
        defer { broker.stop() }
        try await broker.manage(as: "alice") { node in
            #expect(try await node.queue("CREATE", "orders/a").code == 201)
            #expect(try await node.queue("READ", "orders/a").code == 200)
            #expect(try await node.queue("UPDATE", "orders/a", ["maxMessages": 1]).code == 200)
            for name in ["secret", "nothing"] {
                for operation in ["CREATE", "READ", "UPDATE", "PURGE", "DELETE"] {
                    let answer = try await node.queue(operation, name)
                    #expect(answer.code == 403 && answer.text == "No rule allows you to manage \(name).")
                }
            }
            #expect(try await node.names("proton.broker.queue") == ["orders/a"])
            for type in ["proton.broker", "proton.broker.connection"] {
                #expect(try await node.names(type).isEmpty)
                #expect(try await node.ask("READ", ["type": .string(type), "name": "broker"]).code == 403)
            }
            #expect(try await node.names("proton.broker.link").isEmpty)
            #expect(try await node.ask("GET-TYPES").code == 200)
            #expect(try await node.queue("PURGE", "orders/a").code == 200)
            #expect(try await node.queue("DELETE", "orders/a").code == 204)
        }
        #expect(broker.status.queue("secret") != nil)
    }

    @Test func whoMayManageTheNodeManagesAll() async throws {
        let broker = try start()
        defer { broker.stop() }
        try await broker.manage(as: "root") { (node: ManagementClient) async throws in
            #expect(try await node.names("proton.broker.queue").contains("secret"))
            #expect(try await node.names("proton.broker.connection").count == 1)
            #expect(try await node.ask("READ", ["type": "proton.broker", "name": "broker"]).code == 200)
            #expect(try await node.queue("CREATE", "a").code == 201)
            #expect(try await node.queue("DELETE", "secret").code == 204)
            // To manage is not to send.
            await #expect(throws: (any Error).self) { try await node.connection.send(Message(body: "a"), to: "a") }
        }
    }

    @Test func whoMayManageNothingHasNoLink() async throws {
        let broker = try start()
        defer { broker.stop() }
        try await broker.manage(as: "bob") { node in
            let error = await #expect(throws: AMQPSendError.self) { _ = try await node.ask("GET-TYPES") }
            #expect("\(error as Any)".contains("bob may manage nothing here."))
            let relayed = Message(address: "$management", properties: ["operation": "GET-TYPES"])
            try await node.connection.withSender(to: nil) { relay in
                _ = await #expect(throws: AMQPSendError.self) { try await relay.send(relayed) }
            }
        }
    }

    @Test func aSubscriptionIsTheAddressOfItsTopic() async throws {
        let broker = try start()
        defer { broker.stop() }
        try broker.subscribe(as: "carol", to: "topic/news", id: "news")
        try broker.subscribe(as: "carol", to: "topic/other", id: "other")
        try await broker.manage(as: "alice") { (node: ManagementClient) async throws in
            #expect(try await node.names("proton.broker.subscription") == ["news/link"])
            #expect(try await node.ask("READ", subscription("news/link")).body["owner"] == "carol")
            #expect(try await node.ask("DELETE", subscription("other/link")).code == 404)
            #expect(try await node.ask("DELETE", subscription("nothing/link")).code == 404)
            #expect(try await node.ask("DELETE", subscription("news/link")).code == 204)
        }
        #expect(broker.status.queues.map(\.address).contains("other/link"))
    }

    @Test func rulesThatChangeHoldForTheNextRequest() async throws {
        let broker = try start()
        defer { broker.stop() }
        try await broker.manage(as: "alice") { node in
            #expect(try await node.queue("CREATE", "orders/a").code == 201)
            broker.setRules(try AccessRules("allow alice receive #"))
            #expect(try await node.queue("DELETE", "orders/a").code == 403)
            broker.setRules(nil)
            #expect(try await node.queue("DELETE", "orders/a").code == 204)
        }
    }
}

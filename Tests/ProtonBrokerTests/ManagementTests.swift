// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// The management node over sockets, by this package's client.
struct ManagementTests {
    @Test func aQueueIsDeclaredReadChangedPurgedAndDeleted() async throws {
        try await withBroker { broker in
            try await broker.manage { node in
                let made = try await node.queue("CREATE", "orders", ["maxMessages": 1_000, "policy": "reject"])
                #expect(made.code == 201 && made.body["maxMessages"]?.intValue == 1_000)
                #expect(
                    made.body["policy"] == "reject" && made.body["isDeclared"] == true
                        && made.body["waiting"]?.intValue == 0)
                #expect(try await node.queue("CREATE", "orders").code == 409)
                try await node.connection.send(Message(body: "a"), to: "orders")
                try await node.connection.send(Message(body: "b"), to: "orders")
                let read = try await node.queue("READ", "orders")
                #expect(read.code == 200 && read.body["waiting"]?.intValue == 2 && read.body["name"] == "orders")
                #expect(read.body["type"] == "proton.broker.queue" && read.body["identity"] == "orders")
                let changed = try await node.queue("UPDATE", "orders", ["maxMessages": 2, "deadLetterAddress": "dead"])
                #expect(changed.code == 200 && changed.body["maxMessages"]?.intValue == 2)
                #expect(changed.body["deadLetterAddress"] == "dead")
                await #expect(throws: AMQPSendError.self) {
                    try await node.connection.send(Message(body: "c"), to: "orders")
                }
                #expect(try await node.queue("UPDATE", "orders", ["policy": "dropOldest"]).code == 501)
                let purged = try await node.queue("PURGE", "orders")
                #expect(purged.code == 200 && purged.body["messages"]?.intValue == 2)
                #expect(broker.status.queue("orders")?.waiting == 0)
                #expect(try await node.queue("DELETE", "orders").code == 204)
                for operation in ["READ", "UPDATE", "PURGE", "DELETE"] {
                    #expect(try await node.queue(operation, "orders").code == 404)
                }
                #expect(try await node.queue("CREATE", "orders").code == 201)
            }
        }
    }

    @Test func aDeclaredQueueStaysThoughItsAddressIsATopics() async throws {
        var options = BrokerOptions()
        options.makesQueues = false
        try await withBroker(options: options) { broker in
            try await broker.manage { node in
                #expect(try await node.queue("CREATE", "topic/a").code == 201)
                try await node.connection.send(Message(body: "a"), to: "topic/a")
                #expect(broker.status.queue("topic/a")?.waiting == 1)
                #expect(try await node.queue("DELETE", "topic/a").code == 204)
                // It is a topic again.
                try await node.connection.send(Message(body: "b"), to: "topic/a")
            }
        }
    }

    @Test func aDeletedQueueEndsItsLinks() async throws {
        try await withBroker { broker in
            try await broker.manage { node in
                try await node.connection.send(Message(body: "a"), to: "q")
                try await node.connection.withReceiver(from: "q") { receiver in
                    let first = try #require(try await receiver.next(within: .seconds(10)))
                    #expect(try await node.queue("DELETE", "q").code == 204)
                    let error = await #expect(throws: ProtonError.self) {
                        _ = try await receiver.next(within: .seconds(10))
                    }
                    #expect(error?.condition?.name == .resourceDeleted)
                    withExtendedLifetime(first) {}
                }
            }
            try await broker.wait { $0.queues.isEmpty && $0.bytes == 0 }
        }
    }

    @Test func queriesShowWhatThereIs() async throws {
        try await withBroker { broker in
            try await broker.manage { node in
                for name in ["c", "a", "b"] { #expect(try await node.queue("CREATE", name).code == 201) }
                let names = ["name", "waiting"] as AMQPValue
                let answer = try await node.ask(
                    "QUERY", ["entityType": "proton.broker.queue", "count": 2], ["attributeNames": names])
                #expect(answer.code == 200 && answer.properties["count"]?.intValue == 2)
                #expect(answer.body["attributeNames"] == names)
                #expect(answer.body["results"]?.listValue?.first?[1]?.intValue == 0)
                let queues = try await node.names("proton.broker.queue")
                // The queue of the responses is there as well.
                #expect(queues.filter { AMQPUUID($0) == nil } == ["a", "b", "c"])
                #expect(try await node.names("proton.broker") == ["broker"])
                #expect(try await node.names("org.amqp.management") == ["self"])
                let connections = try await node.names("proton.broker.connection")
                #expect(connections.count == 1)
                let connection = try await node.ask(
                    "READ", ["type": "proton.broker.connection", "name": .string(connections[0])])
                #expect(
                    connection.body["links"]?.intValue == 2
                        && connection.body["address"]?.stringValue?.hasPrefix("127.0.0.1:") == true)
                let links = try await node.ask(
                    "QUERY", ["entityType": "proton.broker.link"],
                    ["attributeNames": ["role", "address", "connection"]])
                let rows = links.body["results"]?.listValue ?? []
                #expect(rows.contains(["sender", "$management", .string(connections[0])]) && rows.count == 2)
                let status = try await node.ask("READ", ["type": "proton.broker", "name": "broker"])
                #expect(status.body["connections"]?.intValue == 1 && status.body["isDurable"] == false)
            }
        }
    }

    @Test func subscriptionsAreSeenPurgedAndDeleted() async throws {
        try await withBroker { broker in
            try broker.subscribe(as: nil)
            try await broker.manage { node in
                try await node.connection.send(Message(body: "a"), to: "topic/a")
                #expect(try await node.names("proton.broker.subscription") == ["id/link"])
                let target: ApplicationProperties = ["type": "proton.broker.subscription", "name": "id/link"]
                let read = try await node.ask("READ", target)
                #expect(read.body["topic"] == "topic/a" && read.body["waiting"]?.intValue == 1)
                #expect(read.body["isDurable"] == true && read.body["owner"] == .null)
                #expect(try await node.queue("READ", "id/link").code == 404)
                #expect(try await node.ask("PURGE", target).body["messages"]?.intValue == 1)
                #expect(try await node.ask("DELETE", target).code == 204)
                #expect(broker.status.queue("id/link") == nil)
            }
        }
    }

    @Test func theNodeDescribesItself() async throws {
        try await withBroker { broker in
            try await broker.manage { node in
                let types = try await node.ask("GET-TYPES", ["type": "org.amqp.management", "name": "self"])
                #expect(types.code == 200 && types.body.mapValue?.count == ManagedType.allCases.count)
                let one: ApplicationProperties = ["entityType": "proton.broker.queue"]
                let attributes = try await node.ask("GET-ATTRIBUTES", one)
                #expect(attributes.body.mapValue?.count == 1)
                #expect(attributes.body["proton.broker.queue"]?.listValue?.contains("maxMessages") == true)
                let operations = try await node.ask("GET-OPERATIONS", one)
                #expect(operations.body["proton.broker.queue"]?["PURGE"] == ["name", "identity"])
                #expect(try await node.ask("GET-ANNOTATIONS", one).body == ["proton.broker.queue": []])
                #expect(try await node.ask("GET-MGMT-NODES").body == .list([]))
                let unknown = try await node.ask("DANCE")
                #expect(unknown.code == 501 && unknown.text == "There is no operation DANCE.")
            }
        }
    }

    // MARK: The store

    @Test func aDeclarationAndADeletionAreKeptByTheStore() async throws {
        let store = MemoryStore()
        var options = BrokerOptions()
        options.store = store
        try await withBroker(options: options) { broker in
            try await broker.manage { node in
                for name in ["kept", "gone"] {
                    #expect(try await node.queue("CREATE", name, ["maxMessages": 5, "isExclusive": true]).code == 201)
                    try await node.connection.send(Message(body: "a", isDurable: true), to: name)
                }
                #expect(store.contents.count == 4)
                #expect(try await node.queue("UPDATE", "kept", ["maxMessages": 6]).code == 200)
                #expect(try await node.queue("PURGE", "kept").code == 200)
                #expect(try await node.queue("DELETE", "gone").code == 204)
                #expect(store.contents.count == 1)
            }
        }
        options.store = MemoryStore(store.contents)
        try await withBroker(options: options) { broker in
            try await broker.manage { node in
                let read = try await node.queue("READ", "kept")
                #expect(read.body["maxMessages"]?.intValue == 6 && read.body["isExclusive"] == true)
                #expect(read.body["isDeclared"] == true && read.body["isDurable"] == true)
                #expect(try await node.queue("READ", "gone").code == 404)
            }
        }
    }

    @Test func aDeclarationIsAnsweredOnceItIsWritten() async throws {
        let store = MemoryStore { _ in false }
        var options = BrokerOptions()
        options.store = store
        try await withBroker(options: options) { broker in
            try await broker.manage { node in
                async let answer = node.queue("CREATE", "q")
                try await broker.wait { $0.queue("q") != nil }
                // A request after it is answered before.
                #expect(try await node.queue("READ", "q").code == 200)
                store.writeAll()
                #expect(try await answer.code == 201)
                store.report(.failing("The disk is full."))
                let refused = try await node.queue("CREATE", "r")
                #expect(refused.code == 503 && refused.text.contains("The disk is full."))
            }
        }
    }

    @Test func thereAreNoMoreQueuesThanThereMayBe() async throws {
        var options = BrokerOptions()
        options.maxQueues = 2
        try await withBroker(options: options) { broker in
            try await broker.manage { (node: ManagementClient) async throws in
                #expect(try await node.queue("CREATE", "a").code == 201)
                #expect(try await node.queue("CREATE", "b").code == 503)
                #expect(try await node.queue("READ", "b").code == 404)
                #expect(try await node.queue("DELETE", "a").code == 204)
                #expect(try await node.queue("CREATE", "b").code == 201)
            }
        }
    }
}

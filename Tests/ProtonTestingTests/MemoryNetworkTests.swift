// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import Testing

/// The async client in memory, by a clock that the test turns: no socket, no sleep.
@Suite(.timeLimit(.minutes(1)))
struct MemoryNetworkTests {
    @Test func sendsAndReceives() async throws {
        try await withMemoryNetwork { network in
            try await network.client().withConnection { connection in
                try await connection.send("Hello World!", to: "examples")
                #expect(network.status.queue("examples")?.waiting == 1)
                for try await delivery in connection.receiver(from: "examples") {
                    #expect(delivery.message.body == "Hello World!")
                    delivery.accept()
                    break
                }
            }
            await network.rest()
            #expect(network.status.messages == 0 && network.status.connections.isEmpty)
        }
    }

    @Test func manyTasksOfManyClients() async throws {
        try await withMemoryNetwork { network in
            try await withThrowingTaskGroup { group in
                for number in 0..<8 {
                    group.addTask {
                        try await network.client().withConnection { connection in
                            for message in 0..<50 { try await connection.send(message, to: "q\(number % 4)") }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect((0..<4).allSatisfy { network.status.queue("q\($0)")?.waiting == 100 })
        }
    }

    @Test func requestsThroughTheBroker() async throws {
        try await withMemoryNetwork { network in
            try await network.client().withConnection { connection in
                let service = Task {
                    try await connection.serve("upper") { Message(body: "\($0.body)".uppercased()) }
                }
                let response = try await connection.request(Message(body: "hello"), to: "upper")
                #expect(response.body == "HELLO")
                service.cancel()
                _ = await service.result
            }
        }
    }

    @Test func requestsToAServer() async throws {
        try await withMemoryNetwork(broker: nil) { network in
            try await network.server("service").withListener { listener in
                let serving = Task { await listener.serve("double") { Message(body: "\($0.body)\($0.body)") } }
                let response = try await network.client("service").withConnection { connection in
                    try await connection.request(Message(body: "ab"), to: "double")
                }
                #expect(response.body == "abab")
                serving.cancel()
                await serving.value
            }
        }
    }

    @Test func nobodyListens() async throws {
        try await withMemoryNetwork(broker: nil) { network in
            var options = ConnectionOptions()
            options.reconnect = nil
            let client = try network.client(options: options)
            let error = await #expect(throws: ProtonError.self) { try await client.withConnection { _ in } }
            #expect(error?.code == .connectFailed)
            #expect(error?.message == "Cannot connect to broker:5672: Connection refused.")
            let first = try network.server("service:0").listen()
            let second = try network.server("service:0").listen()
            #expect(first.port != second.port && first.addresses.count == 1)
            let third = try network.server("service:\(first.port ?? 0)")
            #expect(throws: ProtonError.self) { try third.listen() }
            first.close()
            _ = try third.listen()
        }
    }

    @Test func aBadLogin() async throws {
        var broker = BrokerOptions()
        broker.users = OneUser()
        broker.connection.allowsInsecureMechanisms = .everywhere
        try await withMemoryNetwork(broker: broker) { network in
            var options = ConnectionOptions()
            options.allowsInsecureMechanisms = .everywhere
            let wrong = try network.client("amqp://me:wrong@broker", options: options)
            let error = await #expect(throws: ProtonError.self) { try await wrong.withConnection { _ in } }
            #expect(error?.code == .authenticationFailed)
            try await network.client("amqp://me:secret@broker", options: options).withConnection { _ in }
        }
    }

    @Test func whatIsOpenAtTheEndIsClosed() async throws {
        let (connection, kept) = try await withMemoryNetwork { network in
            (try await network.client().connect(), WeakNetwork(network))
        }
        await #expect(throws: AMQPSendError.self) { try await connection.send("x", to: "q") }
        #expect(kept.network == nil)
    }

    @Test func theBodysErrorComesOut() async throws {
        await #expect(throws: CancellationError.self) {
            try await withMemoryNetwork { network in
                _ = try await network.client().connect()
                throw CancellationError()
            }
        }
    }

    /// Is asked on a thread of the program's.
    private struct OneUser: Authenticator {
        let mechanisms: Set<SASLMechanism> = [.plain]

        func verify(_ login: PasswordLogin) async throws -> Bool {
            await Task.yield()
            return login.password == "secret"
        }

        func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential? { nil }
    }

    private struct WeakNetwork: Sendable {
        weak let network: MemoryNetwork?

        init(_ network: MemoryNetwork) { self.network = network }
    }
}

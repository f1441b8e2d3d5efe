// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if ServiceLifecycle

import Logging
import Proton
import ProtonServiceLifecycle
import ProtonTesting
import ServiceLifecycle
import ServiceLifecycleTestKit
import Testing

/// A connection as a service: what becomes of it, and of its body, at a graceful shutdown.
@Suite(.timeLimit(.minutes(1)))
struct AMQPServiceTests {
    private struct Oops: Error {}

    private static func group(_ service: AMQPService) -> ServiceGroup {
        ServiceGroup(services: [service], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// What has come is handled, and nothing more comes; what is done with it goes out.
    @Test func aLoopEndsInGoodOrder() async throws {
        try await withBroker { broker in
            let client = try AMQPClient(broker.address)
            try await client.withConnection { connection in
                let sender = connection.sender(to: "jobs")
                for receipt in try await sender.submit(contentsOf: (0..<50).map { Message(body: $0) }) {
                    _ = try await receipt.outcome
                }
            }
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let (told, tell) = AsyncStream.makeStream(of: Void.self)
            let group = Self.group(
                AMQPService(client) { connection in
                    for try await delivery in connection.receiver(from: "jobs", window: 5) {
                        start.finish()
                        // Handled once the shutdown has begun.
                        for await _ in told {}
                        try await connection.send(delivery.message, to: "done")
                        delivery.accept()
                    }
                })
            async let ended: Void = group.run()
            for await _ in started {}
            await group.triggerGracefulShutdown()
            tell.finish()
            try await ended
            let status = try await broker.wait { $0.connections.isEmpty }
            let done = status.queue("done")?.waiting ?? 0
            #expect((1...10).contains(done))
            #expect(status.queue("jobs")?.waiting == 50 - done)
        }
    }

    @Test func aServerAnswersWhatIsInHand() async throws {
        try await withBroker { broker in
            let client = try AMQPClient(broker.address)
            try await testGracefulShutdown { trigger in
                async let ended: Void = AMQPService(client) { connection in
                    try await connection.serve("service") { request in
                        trigger.triggerGracefulShutdown()
                        return Message(body: request.body.value)
                    }
                }.run()
                let response = try await client.withConnection {
                    try await $0.request(Message(body: "r"), to: "service")
                }
                #expect(response.body == .value("r"))
                try await ended
            }
        }
    }

    /// So does a server without a broker.
    @Test func aListenerAnswersWhatIsInHand() async throws {
        try await withMemoryNetwork(broker: nil) { network in
            let server = try network.server("service")
            let (listening, listen) = AsyncStream.makeStream(of: Void.self)
            try await testGracefulShutdown { trigger in
                async let ended: Void = AMQPServerService(server) { listener in
                    listen.finish()
                    await listener.serve("echo") { request in
                        trigger.triggerGracefulShutdown()
                        return request
                    }
                }.run()
                for await _ in listening {}
                let response = try await network.client("service").withConnection {
                    try await $0.request(Message(body: "r"), to: "echo")
                }
                #expect(response.body == .value("r"))
                try await ended
            }
        }
    }

    /// A body without a loop over messages ends when it is asked to.
    @Test func aBodyThatWaitsForTheShutdown() async throws {
        try await withBroker { broker in
            let client = try AMQPClient(broker.address)
            let (started, start) = AsyncStream.makeStream(of: Void.self)
            let group = Self.group(
                AMQPService(client) { connection in
                    try await connection.send("first", to: "q")
                    start.finish()
                    try await gracefulShutdown()
                    try await connection.send("last", to: "q")
                })
            async let ended: Void = group.run()
            for await _ in started {}
            await group.triggerGracefulShutdown()
            try await ended
            #expect(broker.status.queue("q")?.waiting == 2)
        }
    }

    /// The shutdown comes before the peer has opened the connection: there is nothing to do then.
    @Test func aShutdownBeforeTheConnectionIsOpen() async throws {
        let server = try ScriptedServer(limit: .seconds(50))
        defer { server.close() }
        let group = Self.group(AMQPService(try AMQPClient(server.address)) { _ in throw Oops() })
        async let ended: Void = group.run()
        try await onThread { _ = try server.accept() }
        await group.triggerGracefulShutdown()
        try await ended
    }

    /// A body that does not look at its connection does not outlive it.
    @Test func aConnectionThatEndsForGood() async throws {
        try await withScriptedServer { server in
            let peer = try server.acceptSession()
            try peer.attachNext()
            try peer.send(.close(error: Condition("amqp:invalid-field")))
            try peer.expect(.close, skipping: .detach, .end)
        } asyncClient: { address in
            let service = AMQPService(try AMQPClient(address)) { connection in
                try await connection.sender(to: "q").attach()
                try await gracefulShutdown()
            }
            let error = await #expect(throws: ProtonError.self) { try await service.run() }
            #expect(error?.code == .connectionError)
        }
    }

    @Test func whatTheBodyThrowsComesOut() async throws {
        try await withBroker { broker in
            let service = AMQPService(try AMQPClient(broker.address)) { _ in throw Oops() }
            await #expect(throws: Oops.self) { try await service.run() }
            _ = try await broker.wait { $0.connections.isEmpty }
        }
    }

    @Test func aCancelledServiceEnds() async throws {
        let server = try ScriptedServer(limit: .seconds(50))
        defer { server.close() }
        let service = AMQPService(try AMQPClient(server.address)) { _ in throw Oops() }
        let running = Task { try await service.run() }
        try await onThread { _ = try server.accept() }
        running.cancel()
        await #expect(throws: CancellationError.self) { try await running.value }
    }
}

#endif

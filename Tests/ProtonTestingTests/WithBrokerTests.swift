// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import ProtonTesting
import ProtonUtilities
import Synchronization
import Testing

/// Brokers that a body has for itself, and that go when it is over.
@Suite(.timeLimit(.minutes(1)))
struct WithBrokerTests {
    private struct Failure: Error {}

    /// Sends itself a message.
    private final class Echo: MessagingHandler {
        private let server: String
        private(set) var bodies: [String] = []

        init(_ server: String) { self.server = server }

        func onStart(_ event: ContainerEvent) throws {
            let connection = try event.container.connect(server, options: ConnectionOptions(reconnect: nil))
            try event.container.createReceiver(connection, "queue")
            try event.container.createSender(connection, "queue")
        }

        func onSendable(_ event: SenderEvent) throws {
            try event.sender.send(Message(body: "hello"))
            event.sender.close()
        }

        func onMessage(_ event: MessageEvent) {
            bodies.append("\(event.message.body)")
            event.connection.close()
        }
    }

    @Sendable private static func exchange(_ broker: Broker) throws -> [String] {
        let echo = Echo(broker.address)
        try Container(echo).run()
        return echo.bodies
    }

    /// Whether somebody still listens on a port.
    private static func isOpen(_ port: Int) -> Bool {
        do {
            let connection = try BlockingConnection("127.0.0.1:\(port)", timeout: .seconds(10))
            try connection.close()
            return true
        } catch {
            return false
        }
    }

    @Test func aBodyThatBlocks() async throws {
        let (bodies, port) = try await onThread {
            try withBroker { broker in (try Self.exchange(broker), broker.port) }
        }
        #expect(bodies == ["hello"])
        #expect(!Self.isOpen(port))
    }

    @Test func anAsyncBody() async throws {
        let (bodies, port) = try await withBroker { broker in
            (try await onThread { try Self.exchange(broker) }, broker.port)
        }
        #expect(bodies == ["hello"])
        #expect(!Self.isOpen(port))
    }

    @Test func whatABodyThrows() async throws {
        let ports = Mutex<[Int]>([])
        await #expect(throws: Failure.self) {
            try await withBroker { broker in
                ports.withLock { $0.append(broker.port) }
                try await onThread { throw Failure() }
            }
        }
        await #expect(throws: Failure.self) {
            try await onThread {
                try withBroker { broker in
                    ports.withLock { $0.append(broker.port) }
                    throw Failure()
                }
            }
        }
        let seen = ports.withLock(\.self)
        #expect(seen.count == 2 && !seen.contains(where: Self.isOpen))
    }

    @Test func aTaskThatIsCancelled() async throws {
        let (ports, continuation) = AsyncStream<Int>.makeStream()
        let task = Task {
            try await withBroker { broker in
                continuation.yield(broker.port)
                // Until it is cancelled; the time is but a bound.
                try await Task.sleep(for: .seconds(50))
            }
        }
        guard let port = await ports.first(where: { _ in true }) else { return }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(!Self.isOpen(port))
    }

    @Test func optionsAndAnEndByTheBody() async throws {
        var options = BrokerOptions()
        options.containerID = "mine"
        let name = try await withBroker(options: options) { broker in
            try await onThread {
                final class Asker: MessagingHandler {
                    var name: String?
                    let server: String
                    init(_ server: String) { self.server = server }
                    func onStart(_ event: ContainerEvent) throws { try event.container.connect(server) }
                    func onConnectionOpened(_ event: ConnectionEvent) {
                        name = event.connection.remoteContainerID
                        event.connection.close()
                    }
                }
                let asker = Asker(broker.address)
                try Container(asker).run()
                broker.stop()
                return asker.name
            }
        }
        #expect(name == "mine")
        options.maxQueues = 0
        let bad = options
        #expect(throws: ProtonError.self) { try withBroker(options: bad) { _ in } }
    }

    @Test func theThreadOfABlockingBody() async throws {
        let (own, other) = (UInt(pthread_self()), try await onThread { UInt(pthread_self()) })
        #expect(own != other)
        let goOn = DispatchSemaphore(value: 0)
        let task = Task { try await onThread { _ = goOn.wait(timeout: .now() + 30) } }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        goOn.signal()
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Synchronization
import Testing

/// A container on several threads: each connection in one place at a time, all of them at once.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ThreadTests {
    /// Listens, connects many times to itself, and sends on each connection.
    private final class Crowd: MessagingHandler, Sendable {
        private let connections: Int
        private let messages: Int
        private let settled = Counter()
        let received = Counter()
        private let busy = Mutex<Set<ObjectIdentifier>>([])
        let overlaps = Counter()

        init(connections: Int, messages: Int) {
            (self.connections, self.messages) = (connections, messages)
        }

        func onStart(_ event: ContainerEvent) throws {
            let listener = try event.container.listen("127.0.0.1:0")
            for _ in 0..<connections {
                let connection = try event.container.connect("127.0.0.1:\(listener.port ?? 0)")
                try event.container.createSender(connection, "a")
            }
        }

        /// Notes whether two callbacks of one connection are made at the same time.
        private func alone(_ connection: Connection, _ body: () throws -> Void) rethrows {
            let id = ObjectIdentifier(connection)
            if !busy.withLock({ $0.insert(id).inserted }) { overlaps.increment() }
            defer { busy.withLock { _ = $0.remove(id) } }
            try body()
        }

        func onSendable(_ event: SenderEvent) throws {
            try alone(event.connection) {
                let sent = event.sender.attachedCount
                while event.sender.credit > 0, sent.value < messages {
                    try event.sender.send(Message(body: sent.value))
                    sent.increment()
                }
            }
        }

        func onMessage(_ event: MessageEvent) throws {
            alone(event.connection) { received.increment() }
        }

        func onSettled(_ event: DeliveryEvent) throws {
            settled.increment()
            if settled.value == connections * messages { event.container.stop() }
        }
    }

    @Test(arguments: [1, 2, 4, 8])
    func manyConnections(threads: Int) async throws {
        let crowd = Crowd(connections: 40, messages: 50)
        try await onThread { try Container().run(threads: threads, handler: crowd) }
        #expect(crowd.received.value == 2_000 && crowd.overlaps.value == 0)
    }

    @Test func anErrorEndsAllThreads() async throws {
        final class Failing: MessagingHandler, Sendable {
            func onStart(_ event: ContainerEvent) throws {
                let listener = try event.container.listen("127.0.0.1:0")
                for _ in 0..<20 { try event.container.connect("127.0.0.1:\(listener.port ?? 0)") }
            }

            func onConnectionOpened(_ event: ConnectionEvent) throws { throw TestError("one of them") }
        }
        let error = await #expect(throws: TestError.self) {
            try await onThread { try Container().run(threads: 4, handler: Failing()) }
        }
        #expect(error == TestError("one of them"))
    }

    @Test func otherThreadsUseTheMailbox() async throws {
        final class Talker: MessagingHandler, Sendable {
            let received = Counter()

            func onStart(_ event: ContainerEvent) throws {
                let listener = try event.container.listen("127.0.0.1:0")
                let connection = try event.container.connect("127.0.0.1:\(listener.port ?? 0)")
                try event.container.createSender(connection, "a")
            }

            func onLinkOpened(_ event: LinkEvent) throws {
                guard event.sender != nil else { return }
                let queue = event.connection.workQueue
                for _ in 0..<4 {
                    Task.detached {
                        for _ in 0..<100 {
                            queue.add { connection in
                                guard let sender = connection.links.first as? Sender, sender.credit > 0 else { return }
                                try sender.send(Message(body: 1))
                            }
                            await Task.yield()
                        }
                        queue.add { connection in
                            if let sender = connection.links.first as? Sender { sender.attachedCount.increment() }
                            if (connection.links.first as? Sender)?.attachedCount.value == 4 { connection.close() }
                        }
                    }
                }
            }

            func onMessage(_ event: MessageEvent) throws { received.increment() }

            func onConnectionClosing(_ event: ConnectionEvent) throws { event.container.stop() }
        }
        for threads in [1, 3] {
            let talker = Talker()
            try await onThread { try Container().run(threads: threads, handler: talker) }
            #expect(talker.received.value > 0 && talker.received.value <= 400)
        }
    }

    @Test func aContainerWithHandlersOfItsOwnRefuses() async throws {
        await #expect(throws: ProtonError.self) {
            try await onThread { try Container(Plain(), options: .once).run(threads: 2, handler: Idle()) }
        }
    }
}

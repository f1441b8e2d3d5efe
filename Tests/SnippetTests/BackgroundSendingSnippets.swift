// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Synchronization

#if ServiceLifecycle
import ProtonServiceLifecycle
import ServiceLifecycle
#endif

/// The snippets of BackgroundSending.md, compiled: each as it is in the article, in what it needs around it.
enum BackgroundSendingSnippets {
    struct KeepOneSenderForTheWholeProgram {
        /// Publishes events, from any task.
        struct Publisher: Sendable {
            private let sender: AMQPSender

            /// Connects, and makes the sender. It keeps the connection open.
            init(_ url: String, to address: String) async throws {
                let connection = try await AMQPClient(url).connect()
                sender = connection.sender(to: address)
            }

            /// Returns when the broker has accepted the event.
            func publish(_ event: String) async throws {
                try await sender.send(Message(body: event), timeout: .seconds(10))
            }

            /// Hands the event over, and returns at once; from a thread or a task.
            /// - Returns: whether there was room: false while the broker takes nothing and 1,000 events wait.
            func publishLater(_ event: String) throws -> Bool {
                try sender.trySend(Message(body: event)) != nil
            }

            /// Closes the link; events that wait are not sent.
            func close() async { await sender.close() }
        }
    }

    struct SendFromAQueueOfTheProgramsOwn {
        func publishReadings(to url: String, _ readings: AsyncStream<Double>) async throws {
            try await AMQPClient(url).withConnection { connection in
                try await connection.withSender(to: "readings") { sender in
                    for await reading in readings { try await sender.send(Message(body: reading)) }
                }
            }
        }

        /// The newest hundred readings wait while the broker is away; older ones are dropped.
        let readings = AsyncStream.makeStream(of: Double.self, bufferingPolicy: .bufferingNewest(100))
    }

    #if ServiceLifecycle
    struct SendInAService {
        func service(_ client: AMQPClient, _ orders: AsyncStream<String>) -> AMQPService {
            AMQPService(client) { connection in
                try await connection.withSender(to: "orders") { sender in
                    // At SIGTERM the loop ends; the message in hand is still sent.
                    for await order in orders.cancelOnGracefulShutdown() {
                        try await sender.send(Message(body: order))
                    }
                }
            }
        }
    }
    #endif

    struct SendFromThreads {
        func publish(_ events: [String], to url: String) throws {
            let connection = try BlockingConnection(url, timeout: .seconds(10), options: ConnectionOptions())
            let sender = try connection.createSender("events")
            for event in events { try sender.send(Message(body: event)) }
            try connection.close()
        }
    }

    struct SendFromAHandlersContainer {
        /// Sends what any thread hands over.
        final class Outbox: MessagingHandler, Sendable {
            private let waiting = Mutex<[Message]>([])
            private let queue = Mutex<WorkQueue?>(nil)

            /// Hands a message over, from any thread.
            /// - Returns: whether there was room.
            func send(_ message: Message) -> Bool {
                let hasRoom = waiting.withLock { waiting in
                    guard waiting.count < 1_000 else { return false }
                    waiting.append(message)
                    return true
                }
                queue.withLock { $0 }?.add { [self] connection in
                    for case let sender as Sender in connection.links { try send(by: sender) }
                }
                return hasRoom
            }

            func onLinkOpened(_ event: LinkEvent) {
                let workQueue = event.connection.workQueue
                queue.withLock { $0 = workQueue }
            }

            func onSendable(_ event: SenderEvent) throws { try send(by: event.sender) }

            private func send(by sender: Sender) throws {
                while sender.credit > 0, let message = waiting.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
                    try sender.send(message)
                }
            }
        }

        func startOutbox(_ outbox: Outbox, _ url: String) throws -> ContainerThread {
            let thread = try ContainerThread(Container(outbox))
            try thread.container.execute { container in try container.createSender(url) }
            return thread
        }
    }
}

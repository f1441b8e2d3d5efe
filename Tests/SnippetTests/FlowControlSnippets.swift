// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of FlowControl.md, compiled: each as it is in the article, in what it needs around it.
enum FlowControlSnippets {
    struct ReceiveNoFasterThanYouWorkWithAsyncAwait {
        func workOneByOne(_ connection: AMQPConnection, _ work: (Message) async throws -> Void) async throws {
            for try await delivery in connection.receiver(from: "jobs", window: 10) {
                try await work(delivery.message)
                delivery.accept()
            }
        }
    }

    struct ReceiveNoFasterThanYouWorkWithAsyncAwait2 {
        func work(_ jobs: AMQPReceiver, _ handle: @escaping @Sendable (Message) async throws -> Void) async throws {
            try await withThrowingTaskGroup { group in
                for _ in 0..<4 {
                    group.addTask {
                        for try await delivery in jobs {
                            try await handle(delivery.message)
                            delivery.accept()
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    struct ReceiveNoFasterThanYouWorkWithAHandler {
        /// Writes messages ten at a time, and never has more than twenty.
        final class Archive: MessagingHandler {
            let url: String
            private var batch: [MessageEvent] = []

            var options: HandlerOptions { HandlerOptions(prefetch: 0, autoAccepts: false) }

            init(_ url: String) { self.url = url }

            func onStart(_ event: ContainerEvent) throws {
                // Credit that is not used is given again when a lost connection is made again: give it here, not in `onLinkOpened`.
                try event.container.createReceiver(url).flow(20)
            }

            func onMessage(_ event: MessageEvent) throws {
                batch.append(event)
                guard batch.count == 10 else { return }
                try write(batch.map(\.message))
                for event in batch { event.delivery.accept() }
                try event.receiver.flow(batch.count)
                batch = []
            }

            private func write(_ messages: [Message]) throws {}
        }
    }

    struct AskForMessagesOneAtATime {
        /// What a queue holds now, up to a number of messages, without waiting for more.
        func takeWhatIsThere(_ connection: AMQPConnection, atMost count: Int) async throws -> [Message] {
            try await connection.withReceiver(from: "jobs", window: 0) { receiver in
                try receiver.grant(count)
                try await receiver.drain()
                var messages: [Message] = []
                while receiver.waitingCount > 0, let delivery = try await receiver.next() {
                    messages.append(delivery.message)
                    delivery.accept()
                }
                return messages
            }
        }
    }

    struct SendNoFasterThanThePeerTakes {
        func report(_ readings: some Sequence<Double>, by sender: AMQPSender) async throws {
            // Returns at once while there is room; waits as soon as 1,000 readings wait for credit.
            for reading in readings { _ = try await sender.submit(Message(body: reading)) }
        }
    }

    struct SendNoFasterThanThePeerTakes2 {
        final class Numbers: MessagingHandler {
            private var next = 1

            func onSendable(_ event: SenderEvent) throws {
                while event.sender.credit > 0, next <= 1_000 {
                    try event.sender.send(Message(body: next))
                    next += 1
                }
            }
        }
    }
}

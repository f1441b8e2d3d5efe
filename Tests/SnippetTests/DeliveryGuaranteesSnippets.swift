// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of DeliveryGuarantees.md, compiled: each as it is in the article, in what it needs around it.
enum DeliveryGuaranteesSnippets {
    struct SendUntilAMessageIsAccepted {
        /// Sends a message until the peer has decided about it: it arrives, and may arrive twice.
        func deliver(_ message: Message, by sender: AMQPSender) async throws {
            while true {
                do {
                    try await sender.send(message)
                    return
                } catch AMQPSendError.inDoubt where !Task.isCancelled {
                    // The connection was lost after the message was sent. `send` waits for the next connection.
                }
            }
        }
    }

    struct SendUntilAMessageIsAccepted2 {
        final class Send: MessagingHandler {
            let url: String
            private var waiting: [Message]
            private var sent: [Delivery: Message] = [:]

            init(_ url: String, _ messages: [Message]) { (self.url, waiting) = (url, messages) }

            func onStart(_ event: ContainerEvent) throws {
                try event.container.createSender(url)
            }

            func onSendable(_ event: SenderEvent) throws {
                while event.sender.credit > 0, !waiting.isEmpty {
                    let message = waiting.removeFirst()
                    sent[try event.sender.send(message)] = message
                }
            }

            func onAccepted(_ event: DeliveryEvent) {
                sent[event.delivery] = nil
                if waiting.isEmpty, sent.isEmpty { event.connection.close() }
            }

            func onRejected(_ event: DeliveryEvent) throws { try fail(event) }
            func onReleased(_ event: DeliveryEvent) throws { try fail(event) }

            /// Ends the program with the peer's reason.
            private func fail(_ event: DeliveryEvent) throws {
                if let outcome = event.delivery.remoteState?.outcome { throw SendError(outcome) }
            }

            /// What has no outcome is in doubt: it goes out again on the next connection.
            func onDisconnected(_ event: TransportEvent) {
                waiting = sent.values + waiting
                sent = [:]
            }
        }
    }

    struct ReceiveWithoutLosingAMessage {
        func work(on receiver: AMQPReceiver, _ handle: (Message) async throws -> Void) async throws {
            for try await delivery in receiver {
                do {
                    try await handle(delivery.message)
                    delivery.accept()
                } catch {
                    // Counts as a failed delivery: the broker may give up after some of them.
                    delivery.release(delivered: true)
                }
            }
        }
    }

    struct RecognizeDuplicates {
        /// Remembers the last ids, and tells which messages have been seen.
        struct SeenMessages {
            private var ids: Set<MessageID> = []
            private var order: [MessageID] = []

            /// Whether the message is new; one without an id always is.
            mutating func isNew(_ message: Message) -> Bool {
                guard let id = message.id else { return true }
                guard ids.insert(id).inserted else { return false }
                order.append(id)
                if order.count > 10_000 { ids.remove(order.removeFirst()) }
                return true
            }
        }
    }

    struct UseATransaction {
        func handleJobs(_ connection: AMQPConnection) async throws {
            for try await delivery in connection.receiver(from: "jobs") {
                try await connection.withTransaction { transaction in
                    try await transaction.send(Message(body: delivery.message.body), to: "results")
                    transaction.accept(delivery)
                }
            }
        }
    }

    struct KnowWhatABrokersRestartDoes {
        func order(_ number: Int) -> Message {
            Message(id: MessageID(number), body: "order \(number)", isDurable: true)
        }
    }
}

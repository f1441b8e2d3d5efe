// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of Handlers.md, compiled: each as it is in the article, in what it needs around it.
enum HandlersSnippets {
    struct WriteAHandler {
        final class Receive: MessagingHandler {
            let url: String

            init(_ url: String) { self.url = url }

            func onStart(_ event: ContainerEvent) throws {
                try event.container.createReceiver(url)
            }

            func onMessage(_ event: MessageEvent) {
                print(event.message.body)
            }
        }

        func receive() throws {
            try Container(Receive("localhost:5672/examples")).run(stoppingOn: .interrupt, .terminate)
        }
    }

    struct ChooseTheOptions {
        final class Audit: MessagingHandler {
            /// Credit and outcomes are this program's.
            var options: HandlerOptions { HandlerOptions(prefetch: 0, autoAccepts: false) }
        }
    }

    struct SayWhatBecomesOfAMessage {
        final class Orders: MessagingHandler {
            func onMessage(_ event: MessageEvent) throws {
                // A message that can never be handled: it is not delivered again.
                guard let order = event.message.body.value.stringValue else {
                    throw Delivery.Reject(Condition("example:no-order", "An order is a string."))
                }
                // A failure that may pass: the message is delivered again, here or to another consumer.
                guard place(order) else { throw Delivery.Release() }
            }

            private func place(_ order: String) -> Bool { !order.isEmpty }
        }
    }

    struct HandleErrors {
        final class Patient: MessagingHandler {
            func onLinkError(_ event: LinkEvent) {
                // A queue that is not there: close this connection, and go on with the others.
                print(event.error)
                event.connection.close()
            }

            func onReconnectFailed(_ event: TransportEvent) {
                print(event.error.map { "\($0)" } ?? "lost")
            }
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of ChoosingABroker.md, compiled: each as it is in the article, in what it needs around it.
enum ChoosingABrokerSnippets {
    struct KeepWhatDiffersInOnePlace {
        /// Where the program's messages go: all that differs from one broker to another.
        struct Place {
            var urls: [String]
            var orders: String

            static let thisMachine = Place(urls: ["amqp://localhost"], orders: "orders")

            /// A cluster: any of its machines will do, and the next is tried when one is lost.
            static let cluster = Place(
                urls: ["amqps://one.example", "amqps://two.example", "amqps://three.example"],
                orders: RabbitMQAddress.queue("orders"))
        }

        func sendOrder(_ order: Message, to place: Place) async throws -> Outcome {
            try await AMQPClient(place.urls).withConnection { connection in
                try await connection.send(order, to: place.orders)
            }
        }
    }

    struct MoveToRabbitMQ {
        func makeQueue(_ url: String) throws {
            let connection = try BlockingConnection(url)
            let management = try RabbitMQManagement(connection)
            // A quorum queue, where there is none of this name.
            try management.declareQueue("orders")
            try management.close()
            try connection.close()
        }
    }

    struct MoveToActiveMQArtemis {
        func openQueue(_ connection: AMQPConnection) -> (AMQPSender, AMQPReceiver) {
            let sender = connection.sender(to: "orders", options: [.target { $0.capabilities = ["queue"] }])
            let receiver = connection.receiver(from: "orders", options: [.source { $0.capabilities = ["queue"] }])
            return (sender, receiver)
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of AsyncClient.md, compiled: each as it is in the article, in what it needs around it.
enum AsyncClientSnippets {
    struct SendAndReceiveAMessage {
        func sendAndReceive(password: String) async throws {
            let client = try AMQPClient(
                "amqps://broker.example", credentials: .password(user: "me", password: password))
            try await client.withConnection { connection in
                // Returns when the broker has accepted the message.
                try await connection.send("Hello World!", to: "examples")
                for try await delivery in connection.receiver(from: "examples") {
                    print(delivery.message.body)
                    delivery.accept()
                    break
                }
            }
        }
    }

    struct Send {
        func send(_ messages: [Message], by sender: AMQPSender) async throws -> [Message] {
            var unsent: [Message] = []
            for message in messages {
                do {
                    try await sender.send(message, timeout: .seconds(10))
                } catch AMQPSendError.notSent {
                    // The peer does not have it: sent again, it arrives once.
                    unsent.append(message)
                }
            }
            return unsent
        }
    }

    struct KeepASubscriptionWhileTheProgramIsAway {
        func archive(_ write: (Message) async throws -> Void) async throws {
            var client = try AMQPClient("amqps://broker.example")
            client.options.containerID = "archive-1"
            try await client.withConnection { connection in
                try await connection.withSubscription("archive", to: "news") { receiver in
                    for try await delivery in receiver {
                        try await write(delivery.message)
                        delivery.accept()
                    }
                }
            }
        }
    }

    struct SendAndReceiveLargeBodies {
        func upload(_ chunks: AsyncStream<[UInt8]>, by connection: AMQPConnection) async throws {
            try await connection.send(streaming: chunks, to: "uploads")
        }

        func download(by connection: AMQPConnection, _ write: ([UInt8]) throws -> Void) async throws {
            for try await delivery in connection.streams(from: "uploads") {
                for try await piece in delivery.body { try write(piece) }
                delivery.accept()
            }
        }
    }

    struct SeeThatAConnectionIsLost {
        func report(_ connection: AMQPConnection) async {
            for await event in connection.events {
                switch event {
                case .connected(let url): print("connected to", url)
                case .interrupted(let error): print("lost:", error)
                case .tryFailed(let error): print("still lost:", error)
                case .ended(let error): print("ended:", error.map { "\($0)" } ?? "closed here")
                }
            }
        }
    }

    struct Stop {
        func run(_ client: AMQPClient, until stop: AsyncStream<Void>) async throws {
            try await client.withConnection { connection in
                let work = Task {
                    for try await delivery in connection.receiver(from: "jobs") { delivery.accept() }
                }
                for await _ in stop { break }
                work.cancel()
                // The scope's own task is not cancelled: what was accepted goes out before the process ends.
                try await work.value
            }
        }
    }
}

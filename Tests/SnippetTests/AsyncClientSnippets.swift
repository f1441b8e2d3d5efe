// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of AsyncClient.md, compiled: each as it is in the article, in what it needs around it.
private enum AsyncClientSnippets {
    static func first(secret: String) async throws {
        try await AMQPClient("amqps://broker.example", credentials: .password(user: "me", password: secret))
            .withConnection { connection in
                try await connection.send("Hello World!", to: "examples")
                for try await delivery in connection.receiver(from: "examples") {
                    print(delivery.message.body)
                    delivery.accept()
                }
            }
    }

    static func sending(_ sender: AMQPSender, _ message: Message) async throws {
        do {
            try await sender.send(message)
        } catch AMQPSendError.notSent {
            // The peer does not have it: sent again, it arrives once.
            try await sendLater(message)
        }
    }

    static func sendLater(_ message: Message) async throws {}

    static func subscription(_ archive: File) async throws {
        var client = try AMQPClient("amqps://broker.example")
        client.options.containerID = "archive-1"
        try await client.withConnection { connection in
            try await connection.withSubscription("archive", to: "news") { receiver in
                for try await delivery in receiver {
                    try archive.write(delivery.message)
                    delivery.accept()
                }
            }
        }
    }

    static func streams(_ connection: AMQPConnection, _ file: File) async throws {
        try await connection.send(streaming: file.chunks, to: "uploads")

        for try await delivery in connection.streams(from: "uploads") {
            for try await piece in delivery.body { try file.write(piece) }
            delivery.accept()
        }
    }

    static func events(_ connection: AMQPConnection) async {
        for await event in connection.events {
            switch event {
            case .connected(let url): print("connected to", url)
            case .interrupted(let error): print("lost:", error)
            case .tryFailed(let error): print("still lost:", error)
            case .ended(let error): print("ended:", error.map { "\($0)" } ?? "closed here")
            }
        }
    }

    static func cancellation(_ client: AMQPClient) async throws {
        try await client.withConnection { connection in
            let work = Task { try await receive(on: connection) }
            stopWhenAsked { work.cancel() }
            // The scope's own task is not cancelled: what was accepted goes out before the process ends.
            try await work.value
        }
    }

    static func receive(on connection: AMQPConnection) async throws {}
    static func stopWhenAsked(_ stop: @escaping @Sendable () -> Void) {}

    /// What the snippets read and write.
    struct File: Sendable {
        var chunks: AsyncStream<[UInt8]> { AsyncStream { $0.finish() } }

        func write(_ message: Message) throws {}
        func write(_ piece: [UInt8]) throws {}
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton

extension AsyncFeature {
    /// What goes on after the broker has ended and was started again.
    static let losses: [AsyncFeature] = [
        AsyncFeature("a sender and a receiver live on after a crash", needed: .all) { peer in
            let queue = try await peer.queue(.classic)
            return try await peer.client(ConnectionOptions()).withConnection { connection in
                let told = Shared<[String]>([])
                let events = connection.events
                let listening = Task {
                    for await event in events { told.withLock { $0.append(event.word) } }
                }
                let (sender, receiver) = (connection.sender(to: queue), connection.receiver(from: queue))
                try await sender.send(Message(body: 0, isDurable: true))
                _ = try await receiver.takeNumbers(1)
                try await onThread { Result { try peer.crash() } }.get()
                // The queue itself may be gone where its broker keeps nothing, or not yet be written down.
                try await send(1, by: sender)
                let numbers = try await receiver.takeNumbers(1)
                try require(numbers == [1], "\(numbers) come")
                await connection.close()
                await listening.value
                let words = told.withLock { $0 }.filter { $0 != "tryFailed" }
                try require(words == ["interrupted", "connected", "ended"], "the events are \(words)")
                return ""
            }
        },
        AsyncFeature("each operation ends when the broker goes for good", needed: .all) { peer in
            let queue = try await peer.queue(.classic)
            return try await peer.client().withConnection { connection in
                let receiver = connection.receiver(from: queue)
                let sender = connection.sender(to: queue)
                try await receiver.attach()
                try await sender.attach()
                let receiving = Task { try await receiver.next() }
                try await onThread { Result { try peer.crash() } }.get()
                do {
                    _ = try await receiving.value
                    throw Lacking("a receiver is told nothing")
                } catch let error as ProtonError {
                    try require(error.code == .disconnected, "a receiver is told \(error)")
                }
                do {
                    try await sender.send(Message(body: 0))
                    throw Lacking("a message is accepted by nobody")
                } catch AMQPSendError.notSent {}
                return ""
            }
        },
    ]

    /// Sends a message until it is accepted: what becomes of it is in doubt where the connection is lost meanwhile.
    private static func send(_ number: Int, by sender: AMQPSender) async throws {
        do {
            try await sender.send(Message(body: .value(AMQPValue(number)), isDurable: true))
        } catch AMQPSendError.inDoubt {
            try await sender.send(Message(body: .value(AMQPValue(number)), isDurable: true))
        }
    }
}

extension AMQPConnectionEvent {
    fileprivate var word: String {
        switch self {
        case .connected: "connected"
        case .interrupted: "interrupted"
        case .tryFailed: "tryFailed"
        case .ended: "ended"
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension AsyncFeature {
    /// Messages to the peer, and what it makes of them.
    static let sends: [AsyncFeature] = [
        AsyncFeature("send: one, and a body", needed: .all) { _, connection, queue in
            let sender = connection.sender(to: queue)
            let outcome = try await sender.send(Message(body: 0))
            try require(outcome == .accepted, "its outcome is \(outcome)")
            try await connection.send(1, to: queue)
            try await connection.send(Message(body: 2), to: queue)
            let numbers = try await connection.receiver(from: queue).takeNumbers(3)
            try require(numbers == [0, 1, 2], "\(numbers) come")
        },
        AsyncFeature("submit: outcomes come later, and messages in order", needed: .all) { _, connection, queue in
            try await connection.withSender(to: queue, bounds: AMQPSender.Bounds(messages: 50)) { sender in
                var receipts: [SendReceipt] = []
                for number in 0..<500 { receipts.append(try await sender.submit(Message(body: number))) }
                for receipt in receipts {
                    let outcome = try await receipt.outcome
                    try require(outcome == .accepted, "the outcome of a message is \(outcome)")
                }
            }
            let numbers = try await connection.receiver(from: queue).takeNumbers(500)
            try require(numbers == Array(0..<500), "in the order \(numbers)")
        },
        AsyncFeature("submit(contentsOf:): many in one go", needed: .all) { _, connection, queue in
            try await connection.fill(queue, 2_000)
            let numbers = try await connection.receiver(from: queue).takeNumbers(2_000)
            try require(numbers == Array(0..<2_000), "in the order \(numbers.prefix(20))…")
        },
        AsyncFeature("send: 200 tasks at once", needed: .all) { _, connection, queue in
            let sender = connection.sender(to: queue)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<200 { group.addTask { _ = try await sender.send(Message(body: number)) } }
                try await group.waitForAll()
            }
            let numbers = try await connection.receiver(from: queue).takeNumbers(200)
            try require(numbers.sorted() == Array(0..<200), "\(numbers) come")
        },
        AsyncFeature("send and receive: settled", needed: .all) { _, connection, queue in
            try await connection.withSender(to: queue, options: [.atMostOnce]) { sender in
                for number in 0..<10 { try await sender.send(Message(body: number)) }
            }
            let receiver = connection.receiver(from: queue, window: 4, options: [.atMostOnce])
            var numbers: [Int] = []
            while numbers.count < 10 {
                let delivery = try await receiver.take()
                numbers.append(delivery.number)
                // Nothing is said of it where it is settled.
                delivery.accept()
            }
            try require(numbers == Array(0..<10), "\(numbers) come")
        },
        AsyncFeature(
            "1 MiB and 8 MiB in a message", needed: [.rabbitMQ3, .rabbitMQ4, .cpp, .python, .swift]
        ) { _, connection, queue in
            let receiver = connection.receiver(from: queue)
            for size in [1_048_576, 8_388_608] {
                let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                try await connection.send(Message(body: .data(body)), to: queue)
                let delivery = try await receiver.take()
                try require(delivery.message.body.bytes == body, "\(size) bytes come back changed")
                delivery.accept()
            }
        },
        AsyncFeature("what no queue takes is refused: released", needed: [.rabbitMQ4]) { peer in
            guard peer == .rabbitMQ4 else { throw NotApplicable() }
            return try await peer.client().withConnection { connection in
                try await refusal(.released) {
                    let address = RabbitMQAddress.exchange("amq.direct", key: peer.newName())
                    try await connection.send("x", to: address)
                }
                return ""
            }
        },
        AsyncFeature("what a full queue does not take is refused: rejected", needed: [.rabbitMQ4]) { peer in
            guard peer == .rabbitMQ4 else { throw NotApplicable() }
            let name = peer.newName()
            _ = try await onThread {
                Result {
                    try RabbitMQManagement(peer.connect()).declareQueue(
                        name, type: .classic, arguments: ["x-max-length": 1, "x-overflow": "reject-publish"])
                }
            }.get()
            return try await peer.client().withConnection { connection in
                try await connection.send("x", to: RabbitMQAddress.queue(name))
                try await refusal(.rejected(nil)) {
                    for _ in 0..<10 { try await connection.send("x", to: RabbitMQAddress.queue(name)) }
                }
                return ""
            }
        },
        AsyncFeature(
            "a link that is refused is an error with the peer's reason, and the connection goes on",
            needed: [.rabbitMQ4]
        ) { peer, connection, queue in
            guard peer == .rabbitMQ4 else { throw NotApplicable() }
            let missing = RabbitMQAddress.queue(peer.newName())
            do {
                try await connection.send("x", to: missing)
                throw Lacking("a message goes to a queue that is not there")
            } catch AMQPSendError.notSent(let cause as ProtonError) where cause.code == .linkError {
                try require(cause.condition?.name == "amqp:not-found", "the reason is \(cause)")
            }
            do {
                try await connection.receiver(from: missing).attach()
                throw Lacking("a queue that is not there is attached")
            } catch let error as ProtonError where error.code == .linkError {
                try require(error.condition?.name == "amqp:not-found", "the reason is \(error)")
            }
            try await connection.send("x", to: queue)
        },
    ]

    /// Makes sure that the peer refuses messages with an outcome of the same kind.
    static func refusal(_ expected: Outcome, _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch AMQPSendError.refused(let outcome) {
            switch (expected, outcome) {
            case (.released, .released), (.rejected, .rejected): return
            default: throw Lacking("the outcome is \(outcome)")
            }
        }
        throw Lacking("the message is accepted")
    }
}

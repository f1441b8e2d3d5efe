// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension AsyncFeature {
    /// What becomes of messages that have come.
    static let outcomes: [AsyncFeature] = [
        AsyncFeature(
            "release: a message comes back, untried", needed: [.rabbitMQ3, .rabbitMQ4, .swift]
        ) { _, connection, queue in
            let message = try await comeback(connection, queue) { $0.release() }
            try require(message.deliveryCount == 0, "with delivery count \(message.deliveryCount)")
        },
        AsyncFeature(
            "release(delivered:): a message comes back, tried once more", needed: [.rabbitMQ3, .rabbitMQ4, .swift]
        ) { peer in
            // RabbitMQ 3 takes no modified message: it is released there, and comes back without a count.
            let queue = try await peer.queue()
            return try await peer.client().withConnection { connection in
                let message = try await comeback(connection, queue) { $0.release(delivered: true) }
                return message.deliveryCount == 1 ? "" : "with delivery count \(message.deliveryCount)"
            }
        },
        AsyncFeature(
            "settle(modified): a message comes back, with its annotations", needed: [.rabbitMQ4, .swift]
        ) { _, connection, queue in
            let message = try await comeback(connection, queue) {
                $0.settle(.modified(deliveryFailed: true, undeliverableHere: false, annotations: ["x-opt-tried": true]))
            }
            try require(message.annotations["x-opt-tried"] == true, "without its annotations")
            try require(message.deliveryCount == 1, "with delivery count \(message.deliveryCount)")
        },
        AsyncFeature("reject: a message is gone", needed: [.rabbitMQ3, .rabbitMQ4, .swift]) { _, connection, queue in
            do {
                _ = try await comeback(connection, queue) { $0.reject(Condition("test:bad", "No good.")) }
            } catch is Gone { return }
            throw Lacking("it comes back")
        },
        AsyncFeature(
            "settle from another task, out of order, after the loop", needed: [.rabbitMQ3, .rabbitMQ4, .swift]
        ) { _, connection, queue in
            try await connection.fill(queue, 20)
            try await connection.withReceiver(from: queue, window: 20) { receiver in
                var held: [AMQPDelivery] = []
                for try await delivery in receiver {
                    held.append(delivery)
                    if held.count == 20 { break }
                }
                let all = held
                await Task.detached {
                    for delivery in all.reversed() {
                        if delivery.number.isMultiple(of: 5) { delivery.release() } else { delivery.accept() }
                        // What is said first counts.
                        delivery.reject()
                    }
                }.value
            }
            let rest = try await connection.takeRest(queue)
            try require(rest.sorted() == [0, 5, 10, 15], "\(rest) come back")
        },
        AsyncFeature(
            "leaving a loop loses nothing", needed: [.rabbitMQ3, .rabbitMQ4, .swift]
        ) { peer in
            let queue = try await peer.queue()
            return try await peer.client().withConnection { try await leave($0, queue) }
        },
        AsyncFeature(
            "tasks that are cancelled lose nothing", needed: [.rabbitMQ3, .rabbitMQ4, .swift]
        ) { _, connection, queue in
            try await cancel(connection, queue)
        },
    ]

    private struct Gone: Error, CustomStringConvertible {
        var description: String { "the message does not come back" }
    }

    /// Receives a message, settles it, and receives it again.
    private static func comeback(
        _ connection: AMQPConnection, _ queue: String, _ settle: (AMQPDelivery) -> Void
    ) async throws -> Message {
        try await connection.send("x", to: queue)
        return try await connection.withReceiver(from: queue, window: 1) { receiver in
            let delivery = try await receiver.take()
            guard !delivery.isSettled else { throw Lacking("sends messages settled: no outcome reaches it") }
            settle(delivery)
            guard let again = try await receiver.next(within: .seconds(2)) else { throw Gone() }
            again.accept()
            return again.message
        }
    }

    /// Leaves a loop by its window of messages: three accepted, two in hand, the rest not handed out.
    private static func leave(_ connection: AMQPConnection, _ queue: String) async throws -> String {
        try await connection.fill(queue, 20)
        var accepted: [Int] = []
        var held: [Int] = []
        for try await delivery in connection.receiver(from: queue, window: 10) {
            if accepted.count < 3 {
                accepted.append(delivery.number)
                delivery.accept()
            } else {
                held.append(delivery.number)
            }
            if held.count == 2 { break }
        }
        // The others are given back as the receiver closes, which nobody waits for here.
        var counts: [Int: Int] = [:]
        try await connection.withReceiver(from: queue) { receiver in
            while counts.count < 17 {
                let delivery = try await receiver.take()
                counts[delivery.number] = Int(delivery.message.deliveryCount)
                delivery.accept()
            }
        }
        let rest = try await connection.takeRest(queue)
        try require(rest.isEmpty, "\(rest) come twice")
        try require(counts.keys.sorted() == Array(3..<20), "\(counts.keys.sorted()) are left")
        let tried = counts.filter { $0.value > 0 }.keys.sorted()
        return tried == held ? "" : "\(tried.isEmpty ? "none" : "\(tried)") of \(held) count as tried"
    }

    /// Sends and receives by tasks, every third of which is cancelled at some point.
    private static func cancel(_ connection: AMQPConnection, _ queue: String) async throws {
        let fates = Shared<(certain: Set<Int>, not: Set<Int>)>(([], []))
        let sender = connection.sender(to: queue, bounds: AMQPSender.Bounds(messages: 10))
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<300 {
                let task = Task {
                    do {
                        try await sender.send(Message(body: number))
                        fates.withLock { _ = $0.certain.insert(number) }
                    } catch AMQPSendError.notSent {
                        fates.withLock { _ = $0.not.insert(number) }
                    } catch {}
                }
                if number.isMultiple(of: 3) {
                    group.addTask {
                        for _ in 0..<number { await Task.yield() }
                        task.cancel()
                    }
                }
                group.addTask { await task.value }
            }
        }
        let (certain, not) = fates.withLock { $0 }
        let received = Shared<[Int]>([])
        try await connection.withReceiver(from: queue, window: 8) { receiver in
            for round in 0..<20 {
                let task = Task {
                    while let delivery = try await receiver.next() {
                        received.withLock { $0.append(delivery.number) }
                        delivery.accept()
                    }
                }
                for _ in 0..<round { await Task.yield() }
                task.cancel()
                try await task.value
            }
            while let delivery = try await receiver.next(within: .seconds(1)) {
                received.withLock { $0.append(delivery.number) }
                delivery.accept()
            }
        }
        let all = received.withLock { $0 }
        try require(all.count == Set(all).count, "messages come twice")
        try require(certain.isSubset(of: all), "\(certain.subtracting(all).count) messages are lost")
        try require(not.isDisjoint(with: all), "\(not.intersection(all).count) messages come that were not sent")
    }
}

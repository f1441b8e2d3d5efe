// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension AsyncFeature {
    /// Messages from the peer: in which order and how many of them.
    static let receives: [AsyncFeature] = [
        AsyncFeature("receive: a loop, with several windows", needed: .all) { _, connection, queue in
            for window in [1, 2, 7, 100, 1_000] {
                try await connection.fill(queue, 200)
                var numbers: [Int] = []
                for try await delivery in connection.receiver(from: queue, window: window) {
                    numbers.append(delivery.number)
                    delivery.accept()
                    if numbers.count == 200 { break }
                }
                try require(numbers == Array(0..<200), "with a window of \(window), in the order \(numbers)")
            }
            let rest = try await connection.takeRest(queue)
            try require(rest.isEmpty, "\(rest) come twice")
        },
        AsyncFeature("receive: in batches, settled in one go", needed: .all) { _, connection, queue in
            try await connection.fill(queue, 500)
            let receiver = connection.receiver(from: queue, window: 100)
            var numbers: [Int] = []
            for try await batch in receiver.batches(of: 40, within: .milliseconds(100)) {
                try require((1...40).contains(batch.count), "a batch has \(batch.count) messages")
                numbers += batch.map(\.number)
                receiver.settle(batch)
                if numbers.count == 500 { break }
            }
            await receiver.close()
            try require(numbers == Array(0..<500), "in the order \(numbers)")
            let rest = try await connection.takeRest(queue)
            try require(rest.isEmpty, "\(rest) come twice")
        },
        AsyncFeature(
            "receive: no more than the window, which can be changed",
            needed: [.rabbitMQ3, .rabbitMQ4, .cpp, .python, .swift]
        ) { _, connection, queue in
            try await connection.fill(queue, 20)
            let receiver = connection.receiver(from: queue, window: 2)
            var held: [AMQPDelivery] = []
            for _ in 0..<2 { held.append(try await receiver.take()) }
            guard held.allSatisfy({ !$0.isSettled }) else {
                throw Lacking("sends messages settled: nothing holds the window")
            }
            if try await receiver.next(within: .milliseconds(300)) != nil { throw Lacking("more than two come") }
            receiver.setWindow(12)
            for _ in 0..<10 { held.append(try await receiver.take()) }
            if try await receiver.next(within: .milliseconds(300)) != nil { throw Lacking("more than twelve come") }
            receiver.settle(held)
            for _ in 0..<8 { held.append(try await receiver.take()) }
            receiver.settle(held)
            try require(held.map(\.number) == Array(0..<20), "in the order \(held.map(\.number))")
        },
        AsyncFeature("receive: credit by hand", needed: .all) { _, connection, queue in
            try await connection.fill(queue, 6)
            let receiver = connection.receiver(from: queue, window: 0)
            try await receiver.attach()
            var numbers: [Int] = []
            for credit in [1, 2, 3] {
                if try await receiver.next(within: .milliseconds(200)) != nil { throw Lacking("more come") }
                try receiver.grant(credit)
                numbers += try await receiver.takeNumbers(credit)
            }
            try require(numbers == Array(0..<6), "\(numbers) come")
        },
        AsyncFeature("receive: drain", needed: [.rabbitMQ4, .swift]) { peer, connection, queue in
            try await connection.fill(queue, 3)
            let receiver = connection.receiver(from: queue, window: 0)
            try receiver.grant(10)
            try await bounded(.seconds(10), orElse: "does not answer a drain") { try await receiver.drain() }
            try require(receiver.waitingCount == 3, "\(receiver.waitingCount) of 3 messages come")
            _ = try await receiver.takeNumbers(3)
            // The credit is gone, and new one counts.
            try await connection.fill(queue, 1)
            if try await receiver.next(within: .milliseconds(300)) != nil {
                throw Lacking("a message comes without credit")
            }
            try receiver.grant(1)
            _ = try await receiver.takeNumbers(1)
            try await bounded(.seconds(10), orElse: "does not answer a second drain") {
                try receiver.grant(5)
                try await receiver.drain()
            }
            try require(receiver.waitingCount == 0, "a message comes twice")
        },
        AsyncFeature("receive: four tasks of one receiver", needed: .all) { _, connection, queue in
            try await connection.fill(queue, 400)
            let receiver = connection.receiver(from: queue, window: 20)
            let numbers = try await takeAll(400, [receiver, receiver, receiver, receiver])
            try require(numbers == Array(0..<400), "\(numbers.count) messages come")
        },
        AsyncFeature("receive: three receivers of one queue", needed: .all) { _, connection, queue in
            try await connection.fill(queue, 300)
            let receivers = (0..<3).map { _ in connection.receiver(from: queue, window: 5) }
            let numbers = try await takeAll(300, receivers)
            try require(numbers == Array(0..<300), "\(numbers.count) messages come")
        },
    ]

    /// Has a task for each receiver take messages until there are so many.
    /// - Returns: the numbers, sorted.
    private static func takeAll(_ count: Int, _ receivers: [AMQPReceiver]) async throws -> [Int] {
        let numbers = Shared<[Int]>([])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for receiver in receivers {
                group.addTask {
                    while let delivery = try await receiver.next() {
                        delivery.accept()
                        let isLast = numbers.withLock { numbers in
                            numbers.append(delivery.number)
                            return numbers.count >= count
                        }
                        if isLast { return }
                    }
                }
            }
            try await group.next()
            group.cancelAll()
        }
        return numbers.withLock { $0.sorted() }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension AsyncFeature {
    /// What links can be asked for.
    static let asyncLinks: [AsyncFeature] = [
        AsyncFeature("a receiver from a dynamic node", needed: [.cpp, .python, .swift]) { _, connection, _ in
            let receiver = connection.receiver(from: nil)
            try await bounded(.seconds(15), orElse: "does not answer") { try await receiver.attach() }
            guard let address = receiver.address else { throw Lacking("the node has no address") }
            try await connection.send(1, to: address)
            try require(try await receiver.takeNumbers(1) == [1], "another message comes")
        },
        AsyncFeature(
            "a sender without an address", needed: [.rabbitMQ4, .python, .swift]
        ) { _, connection, queue in
            let sender = connection.sender(to: nil)
            try await bounded(.seconds(15), orElse: "does not answer") {
                try await sender.send(Message(body: 1, address: queue), timeout: .seconds(10))
            }
            try require(try await connection.receiver(from: queue).takeNumbers(1) == [1], "another message comes")
        },
        AsyncFeature("a receiver with a selector", needed: [.swift]) { _, connection, queue in
            for (number, colour) in ["red", "green", "blue", "green"].enumerated() {
                try await connection.send(
                    Message(body: .value(AMQPValue(number)), properties: ["colour": .string(colour)]), to: queue)
            }
            let receiver = connection.receiver(from: queue, options: [.selector("colour = 'green'")])
            var numbers: [Int] = []
            while let delivery = try await receiver.next(within: .seconds(1)) {
                delivery.accept()
                numbers.append(delivery.number)
            }
            try require(numbers == [1, 3], "sends \(numbers)")
        },
        AsyncFeature("a receiver that browses", needed: [.swift]) { _, connection, queue in
            try await connection.fill(queue, 3)
            for _ in 0..<2 {
                try await connection.withReceiver(from: queue, options: [.copy]) { browser in
                    var numbers: [Int] = []
                    while let delivery = try await browser.next(within: .seconds(1)) {
                        delivery.accept()
                        numbers.append(delivery.number)
                    }
                    try require(numbers == [0, 1, 2], "a browser takes the messages away")
                }
            }
        },
    ]

    /// What is kept for a receiver that is not there.
    static let subscriptions: [AsyncFeature] = [
        AsyncFeature("a durable subscription, detached and resumed", needed: [.swift]) { peer in
            let options = ConnectionOptions(containerID: "subscriber", reconnect: nil)
            let address = peer == .swift ? "topic/news" : try await peer.queue()
            try await peer.client().withConnection { publisher in
                for run in 0..<2 {
                    try await peer.client(options).withConnection { connection in
                        let receiver = connection.subscription("news", to: address)
                        try await bounded(.seconds(15), orElse: "does not answer") { try await receiver.attach() }
                        let numbers = try await receiver.takeNumbers(run)
                        try require(numbers == Array(repeating: 0, count: run), "\(numbers) came")
                        if run == 0 { await receiver.detach() } else { await receiver.close() }
                    }
                    try await publisher.send(run, to: address)
                }
                // What came after the end of the subscription is not of the next one.
                try await peer.client(options).withConnection { connection in
                    try await connection.withSubscription("news", to: address) { receiver in
                        try require(try await receiver.next(within: .seconds(1)) == nil, "closing does not end it")
                    }
                    try await connection.unsubscribe("news")
                }
            }
            return ""
        }
    ]

    /// Requests and their responses.
    static let requests: [AsyncFeature] = [
        AsyncFeature("request and serve: a hundred at once", needed: [.cpp, .python, .swift]) { peer in
            let queue = try await peer.queue()
            try await peer.client().withConnection { server in
                let work = Task {
                    try await server.serve(queue, concurrency: 8) { request in
                        Message(body: .value(AMQPValue((request.body.value.intValue ?? 0) * 2)))
                    }
                }
                defer { work.cancel() }
                try await peer.client().withConnection { client in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<100 {
                            group.addTask {
                                let response = try await client.request(
                                    Message(body: number), to: queue, timeout: .seconds(20))
                                try require(
                                    response.body.value.intValue == number * 2, "the response is \(response.body)")
                            }
                        }
                        try await group.waitForAll()
                    }
                }
            }
            return ""
        },
        AsyncFeature(
            "request without dynamic nodes: a clear error, and what else is on the connection goes on", needed: .all
        ) { peer in
            guard [.rabbitMQ3, .rabbitMQ4, .c].contains(peer) else { throw NotApplicable() }
            let queue = try await peer.queue()
            return try await peer.client().withConnection { connection in
                let receiver = connection.receiver(from: queue)
                try await receiver.attach()
                var text = ""
                do {
                    _ = try await connection.request(Message(body: 0), to: queue, timeout: .seconds(5))
                    throw Lacking("a response comes from nowhere")
                } catch AMQPSendError.notSent(let cause) {
                    text = "\(cause)"
                }
                try await connection.send(1, to: queue)
                try require(try await receiver.takeNumbers(1) == [1], "another message comes")
                return "\"\(text)\""
            }
        },
        AsyncFeature("request with a queue of the program's for responses: a hundred at once", needed: .all) {
            peer, connection, queue in
            let replies = try await peer.queue()
            let work = Task { try await connection.serve(queue, concurrency: 8) { Message(body: $0.body) } }
            defer { work.cancel() }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let response = try await connection.request(
                            Message(body: number), to: queue, replyTo: replies, timeout: .seconds(20))
                        try require(response.body.value.intValue == number, "the response is \(response.body)")
                    }
                }
                try await group.waitForAll()
            }
            work.cancel()
            try await work.value
            let rest = try await connection.takeRest(replies)
            try require(rest.isEmpty, "\(rest.count) responses are still there")
        },
        AsyncFeature("serve: over a queue for the responses", needed: .all) { peer, connection, queue in
            let replies = try await peer.queue()
            let work = Task {
                try await connection.serve(queue, concurrency: 4) { request in
                    switch request.body.value.intValue {
                    case 3: throw Delivery.Reject(Condition("test:bad", "No good."))
                    case 4: nil
                    default: Message(body: request.body)
                    }
                }
            }
            defer { work.cancel() }
            let receiver = connection.receiver(from: replies)
            try await receiver.attach()
            for number in 0..<6 {
                let request = Message(
                    body: .value(AMQPValue(number)), replyTo: replies, correlationID: MessageID("id-\(number)"))
                try await connection.send(request, to: queue)
            }
            var numbers: [Int] = []
            for _ in 0..<4 {
                let delivery = try await receiver.take()
                let id = delivery.message.correlationID
                try require(
                    id == MessageID("id-\(delivery.number)"), "the correlation id is \(id?.description ?? "none")")
                delivery.accept()
                numbers.append(delivery.number)
            }
            try require(numbers.sorted() == [0, 1, 2, 5], "\(numbers) are answered")
            work.cancel()
            try await work.value
        },
    ]

    /// Messages that count together, or not at all.
    static let asyncTransactions: [AsyncFeature] = [
        AsyncFeature("withTransaction: what is sent and accepted counts together", needed: [.swift]) { peer in
            let (source, target) = (try await peer.queue(), try await peer.queue())
            try await peer.client().withConnection { connection in
                try await connection.fill(source, 2)
                try await bounded(.seconds(15), orElse: "does not answer the coordinator's link") {
                    try await move(connection, source, target, failing: true)
                }
                let rest = try await connection.takeRest(target)
                try require(rest.isEmpty, "\(rest) are there after the abort")
                try await bounded(.seconds(15), orElse: "does not answer") {
                    try await move(connection, source, target, failing: false)
                }
                let moved = try await connection.takeRest(target)
                try require(moved == [0, 1], "\(moved) are there after the commit")
                let left = try await connection.takeRest(source)
                try require(left.isEmpty, "\(left) are left after the commit")
            }
            return ""
        }
    ]

    private struct Failing: Error {}

    /// Moves two messages from one queue to another in a transaction.
    private static func move(
        _ connection: AMQPConnection, _ source: String, _ target: String, failing: Bool
    ) async throws {
        try await connection.withReceiver(from: source, window: 2) { receiver in
            do {
                try await connection.withTransaction { transaction in
                    for _ in 0..<2 {
                        let delivery = try await receiver.take()
                        try await transaction.send(Message(body: delivery.message.body), to: target)
                        transaction.accept(delivery)
                    }
                    if failing { throw Failing() }
                }
            } catch is Failing {}
        }
    }
}

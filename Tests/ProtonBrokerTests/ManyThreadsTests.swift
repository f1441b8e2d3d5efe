// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonBroker
import Synchronization
import Testing

/// Topics, selectors and transactions of a broker with four threads, all at the same time: the counts are exact. The
/// argument is the seed.
struct ManyThreadsTests {
    private static let colours = ["red", "green", "blue"]

    private func start() throws -> Broker {
        var options = BrokerOptions()
        options.threads = 4
        options.redelivery.delay = .zero
        return try Broker.start(options: options)
    }

    private static func messages(_ count: Int, of sender: Int, _ random: inout SplitMix) -> [Message] {
        (0..<count).map { number in
            let colour = colours.randomElement(using: &random) ?? ""
            return Message(body: "\(sender) \(number)", properties: ["colour": .string(colour)])
        }
    }

    /// Each subscriber gets each message that it wants once, and those of a publisher in order.
    @Test(arguments: [1, 2] as [UInt64]) func subscribersGetWhatTheyWant(seed: UInt64) async throws {
        let broker = try start()
        defer { broker.stop() }
        var random = SplitMix(state: seed)
        let sent = (0..<3).map { Self.messages(300, of: $0, &random) }
        let subscribers: [(topic: String, colour: String?)] = [
            ("topic/a", nil), ("topic/*", "red"), ("topic/b", nil), ("topic/*", "blue"), ("topic/*", nil),
        ]
        let topics = ["topic/a", "topic/b", "topic/a"]
        @Sendable func selection(_ colour: String?) -> LinkOption {
            colour.map { .selector("colour = '\($0)'") } ?? .atLeastOnce
        }
        for (index, subscriber) in subscribers.enumerated() {
            let script = Script(broker)
            script.linkOpened = { $0.detach() }
            script.linkDetached = { _ in script.finish() }
            try script.run(containerID: "sub-\(index)") {
                try $0.createReceiver(
                    $1, subscriber.topic, name: "mine", options: .durableSubscription, selection(subscriber.colour))
            }
        }
        try concurrently(sent.count + subscribers.count) { index in
            guard index >= sent.count else { return try broker.send(sent[index], to: topics[index]) }
            let subscriber = subscribers[index - sent.count]
            let wanted = zip(sent, topics).map { messages, topic in
                messages.filter {
                    (subscriber.topic == topic || subscriber.topic == "topic/*")
                        && (subscriber.colour == nil
                            || $0.properties["colour"] == subscriber.colour.map { .string($0) })
                }.map(\.text)
            }
            let count = wanted.reduce(0) { $0 + $1.count }
            let script = Script(broker, prefetch: 20, autoAccepts: true)
            var texts: [String] = []
            script.message = { event in
                texts.append(event.message.text)
                if texts.count == count { event.receiver.close() }
            }
            script.linkClosed = { _ in script.finish() }
            try script.run(containerID: "sub-\(index - sent.count)") {
                try $0.createReceiver(
                    $1, subscriber.topic, name: "mine", options: .durableSubscription, selection(subscriber.colour))
            }
            for (sender, expected) in wanted.enumerated() {
                #expect(texts.filter { $0.hasPrefix("\(sender) ") } == expected, "seed \(seed), \(subscriber)")
            }
        }
        try await broker.wait { $0.connections.isEmpty && $0.messages == 0 }
    }

    /// Workers with selectors move messages from one queue to another in transactions, some of which they roll back.
    @Test(arguments: [1, 2] as [UInt64]) func transactionsMoveEachMessageOnce(seed: UInt64) async throws {
        let broker = try start()
        defer { broker.stop() }
        var random = SplitMix(state: seed)
        let (workers, sent) = (4, (0..<2).map { Self.messages(100, of: $0, &random) })
        let moved = Mutex(0)
        let total = sent.reduce(0) { $0 + $1.count }
        try concurrently(workers + sent.count) { index in
            guard index < workers else { return try broker.send(sent[index - workers], to: "in") }
            // The first three take one colour, the fourth any.
            let selector = index < 3 ? "colour = '\(Self.colours[index])' OR stop" : "stop IS NULL OR stop"
            try Mover(broker, seed: seed &+ UInt64(index)).run(selector) {
                guard
                    moved.withLock({
                        $0 += 1
                        return $0
                    }) == total
                else { return }
                let stop = Message(body: "stop", properties: ["stop": true])
                try broker.send(Array(repeating: stop, count: workers), to: "in")
            }
        }
        let texts = try broker.takeAll(from: "out")
        #expect(texts.sorted() == sent.flatMap { $0.map(\.text) }.sorted(), "seed \(seed)")
        #expect(try broker.takeAll(from: "in").isEmpty)
        try await broker.wait { $0.connections.isEmpty && $0.messages == 0 && $0.bytes == 0 }
    }

    /// Moves messages from the queue `in` to the queue `out`, each in a transaction of its own.
    private final class Mover {
        private let controller: Controller
        private var random: SplitMix
        private var moved: () throws -> Void = {}
        private var sender: Sender?

        init(_ broker: Broker, seed: UInt64) {
            controller = Controller(broker)
            random = SplitMix(state: seed)
        }

        /// - Parameter moved: called after each message that was moved.
        func run(_ selector: String, moved: @escaping () throws -> Void) throws {
            self.moved = moved
            controller.script.message = { [self] event in
                guard event.message.text != "stop" else {
                    event.delivery.settle(.accepted)
                    return controller.script.finish()
                }
                try move(event.message, event.delivery, event.receiver)
            }
            try controller.run { [self] container, connection in
                sender = try container.createSender(connection, "out")
                try container.createReceiver(connection, "in", options: .selector(selector)).flow(1)
            }
            self.moved = {}
        }

        private func move(_ message: Message, _ delivery: Delivery, _ receiver: Receiver) throws {
            try controller.declare { [self] id in
                guard let sender else { return }
                let fails = Int.random(in: 0..<4, using: &random) == 0
                try controller.send(message, over: sender, in: id) { [self] _ in
                    // Settled in the transaction: a rollback makes it a delivery that failed.
                    delivery.settle(.transactional(id: id, outcome: .accepted))
                    try controller.discharge(id, fails: fails) { [self] state in
                        guard case .outcome(.accepted) = state else {
                            throw ProtonError(.linkError, "\(state as Any)")
                        }
                        if !fails { try moved() }
                        try receiver.flow(1)
                    }
                }
            }
        }
    }
}

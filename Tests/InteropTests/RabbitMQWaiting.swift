// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension Feature {
    /// Messages wait, and are received by handlers and by blocking receivers, at several prefetches.
    static let waitingMessages: [Feature] = [
        waiting(300, .quorum, prefetches: [1, 10, 11, 50]),
        waiting(10_000, .classic, prefetches: [1, 10, 1000]),
    ]

    private enum Kind: CaseIterable {
        case handler
        case blocking
    }

    private static func waiting(_ count: Int, _ type: RabbitMQQueue.QueueType, prefetches: [Int]) -> Feature {
        let listed = prefetches.map { "\($0)" }.joined(separator: ", ")
        let name = "\(count) messages wait in a \(type) queue: all come, none twice, at prefetch \(listed)"
        return Feature(name, needed: [.rabbitMQ4]) { peer in
            let connection = try peer.connect()
            let management = try RabbitMQManagement(connection)
            // One message goes to all queues.
            let exchange = peer.newName()
            try management.declareExchange(exchange, type: "fanout")
            let tries = prefetches.flatMap { prefetch in Kind.allCases.map { (prefetch, $0, peer.newName()) } }
            for (_, _, queue) in tries {
                try management.declareQueue(queue, type: type)
                try management.bind(.queue(queue), to: exchange)
            }
            let filling = Filling("\(peer.address)/\(RabbitMQAddress.exchange(exchange))", count)
            try run(filling, atMost: .seconds(60), orElse: "\(filling.confirmed) of \(count) messages were confirmed")
            for (prefetch, kind, queue) in tries {
                let what = "\(kind), prefetch \(prefetch)"
                var numbers: [Int]
                switch kind {
                case .handler:
                    let taking = Taking("\(peer.address)/\(RabbitMQAddress.queue(queue))", count, prefetch)
                    try run(taking, atMost: .seconds(60), orElse: "\(what): \(taking.numbers.count) of \(count) come")
                    numbers = taking.numbers
                case .blocking:
                    let own = try peer.connect()
                    let receiver = try own.createReceiver(RabbitMQAddress.queue(queue), credit: prefetch)
                    numbers = []
                    while numbers.count < count { numbers.append(try receiver.take().body.value.intValue ?? 0) }
                    try own.close()
                }
                try require(numbers == Array(1...count), "\(what): in the order \(numbers.prefix(20))…")
                let left = try management.queue(queue).messageCount
                try require(left == 0, "\(what): \(left) messages are left")
                try management.deleteQueue(queue)
            }
            try management.deleteExchange(exchange)
            return ""
        }
    }
}

/// Sends messages with numbers from 1 as fast as there is credit, and stops when all are accepted.
final class Filling: MessagingHandler {
    private let (url, count): (String, Int)
    private var sent = 0
    private(set) var confirmed = 0

    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ url: String, _ count: Int) {
        (self.url, self.count) = (url, count)
    }

    func onStart(_ event: ContainerEvent) throws { try event.container.createSender(url) }

    func onSendable(_ event: SenderEvent) throws {
        while event.sender.credit > 0, sent < count {
            sent += 1
            try event.sender.send(Message(body: .value(AMQPValue(sent)), isDurable: true))
        }
    }

    func onAccepted(_ event: DeliveryEvent) {
        confirmed += 1
        if confirmed == count { event.container.stop() }
    }

    func onReleased(_ event: DeliveryEvent) throws { throw Lacking("a message is released") }
    func onRejected(_ event: DeliveryEvent) throws { throw Lacking("a message is rejected") }
}

/// Receives and accepts messages, and stops when as many have come as were expected.
private final class Taking: MessagingHandler {
    private let (url, count): (String, Int)
    private let prefetch: Int
    private(set) var numbers: [Int] = []

    var options: HandlerOptions { HandlerOptions(prefetch: prefetch, treatsPeerCloseAsError: true) }

    init(_ url: String, _ count: Int, _ prefetch: Int) {
        (self.url, self.count, self.prefetch) = (url, count, prefetch)
    }

    func onStart(_ event: ContainerEvent) throws { try event.container.createReceiver(url) }

    func onMessage(_ event: MessageEvent) {
        numbers.append(event.message.body.value.intValue ?? 0)
        if numbers.count == count { event.container.stop() }
    }
}

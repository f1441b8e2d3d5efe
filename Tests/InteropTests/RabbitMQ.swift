// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton

extension Feature {
    /// What RabbitMQ has since version 4, and how it is used.
    static let rabbitMQ: [Feature] =
        rabbitMQAddresses + waitingMessages + rabbitMQStreams + rabbitMQRestarts

    private static let rabbitMQAddresses: [Feature] = [
        Feature("management: queues, exchanges and bindings over AMQP", needed: [.rabbitMQ4]) { peer in
            let connection = try peer.connect()
            let management = try RabbitMQManagement(connection)
            for type in RabbitMQQueue.QueueType.allCases {
                let name = peer.newName()
                let made = try management.declareQueue(name, type: type)
                try require(made.name == name && made.type == type && made.messageCount == 0, "makes \(made)")
                try require(try management.declareQueue(name, type: type) == made, "makes another one")
                let other: RabbitMQQueue.QueueType = type == .classic ? .quorum : .classic
                try expectStatus(409) { try management.declareQueue(name, type: other) }
                try connection.createSender(RabbitMQAddress.queue(name)).send(Message(body: "x"))
                if type == .stream {
                    try expectStatus(400) { try management.purgeQueue(name) }
                } else {
                    try require(try management.purgeQueue(name) == 1, "purges another number of messages")
                }
                try management.deleteQueue(name)
                try expectStatus(404) { _ = try management.queue(name) }
            }
            return ""
        },
        Feature("management: a binding is made and ended", needed: [.rabbitMQ4]) { peer in
            let connection = try peer.connect()
            let management = try RabbitMQManagement(connection)
            let (queue, exchange, behind) = (peer.newName(), peer.newName(), peer.newName())
            try management.declareQueue(queue, type: .classic, isDurable: false, isExclusive: true)
            try management.declareExchange(exchange, type: "headers")
            try management.declareExchange(behind, type: "topic", isAutoDeleted: true, isInternal: true)
            let red: AMQPMap = ["colour": "red", "x-match": "all"]
            try management.bind(.exchange(behind), to: exchange, arguments: red)
            try management.bind(.queue(queue), to: behind, key: "#")
            let sender = try connection.createSender(RabbitMQAddress.exchange(exchange))
            let message = Message(body: "x", properties: ["colour": "red"])
            try sender.send(message)
            try management.unbind(.exchange(behind), from: exchange, arguments: ["colour": "blue"])
            try sender.send(message)
            try management.unbind(.exchange(behind), from: exchange, arguments: red)
            // No queue takes it any more.
            let outcome = try sender.send(message, errorStates: [])
            try require(outcome == .released, "without a binding it is \(outcome.map { "\($0)" } ?? "settled")")
            let count = try management.queue(queue).messageCount
            try require(count == 2, "\(count) messages have come")
            try management.deleteExchange(exchange)
            return ""
        },
        Feature("addresses of version 2 name what has any name", needed: [.rabbitMQ4]) { peer in
            let connection = try peer.connect()
            let management = try RabbitMQManagement(connection)
            let name = "\(peer.newName())/a b%ü?&=;"
            try management.declareQueue(name)
            try management.declareExchange(name)
            try management.bind(.queue(name), to: name, key: name)
            for address in [RabbitMQAddress.queue(name), RabbitMQAddress.exchange(name, key: name)] {
                try connection.createSender(address).send(Message(body: .value(.string(address))))
            }
            // The address of each message counts where the link has none.
            let relay = try connection.createSender(nil)
            try relay.send(Message(body: "relayed", address: RabbitMQAddress.exchange(name, key: name)))
            let receiver = try connection.createReceiver(RabbitMQAddress.queue(name), credit: 10)
            let bodies = try (0..<3).map { _ in try receiver.take().body.stringValue }
            let expected = [RabbitMQAddress.queue(name), RabbitMQAddress.exchange(name, key: name), "relayed"]
            try require(bodies == expected, "the messages are \(bodies)")
            try management.unbind(.queue(name), from: name, key: name)
            try management.deleteQueue(name)
            try management.deleteExchange(name)
            return ""
        },
        Feature("what is not there is refused by name", needed: [.rabbitMQ4]) { peer in
            let name = peer.newName()
            do {
                _ = try peer.connect().createReceiver(RabbitMQAddress.queue(name))
            } catch let error as ProtonError where error.condition?.name == "amqp:not-found" {
                try require(error.message.contains(name), "the error is \"\(error.message)\"")
                return ""
            }
            throw Lacking("attaches a queue that is not there")
        },
        Feature("a queue is deleted under its receivers, which are told so", needed: [.rabbitMQ4]) { peer in
            let name = peer.newName()
            let management = try RabbitMQManagement(try peer.connect())
            try management.declareQueue(name)
            let blocking = try peer.connect().createReceiver(RabbitMQAddress.queue(name))
            let deleted = Deleted(peer, name, management)
            try run(deleted, orElse: "the handler is told nothing")
            try require(
                deleted.condition?.name == "amqp:resource-deleted",
                "the handler is told \(deleted.condition.map { "\($0)" } ?? "no reason")")
            do {
                _ = try blocking.receive(timeout: .seconds(5))
            } catch let error as ProtonError where error.code == .linkError {
                try require(error.condition?.name == "amqp:resource-deleted", "the error is \(error)")
                return ""
            }
            throw Lacking("a message comes from a queue that is not there")
        },
    ]

    private static func expectStatus(_ status: Int, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as RabbitMQError {
            return try require(error.status == status, "the status is not \(status): \(error)")
        }
        throw Lacking("does what it should refuse with status \(status)")
    }
}

/// Has a queue deleted once it is attached to it.
private final class Deleted: MessagingHandler {
    var condition: Condition?
    private let (peer, name): (Peer, String)
    private let management: RabbitMQManagement

    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ peer: Peer, _ name: String, _ management: RabbitMQManagement) {
        (self.peer, self.name, self.management) = (peer, name, management)
    }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(peer.address)
        try event.container.createReceiver(connection, RabbitMQAddress.queue(name))
    }

    func onLinkOpened(_ event: LinkEvent) throws { try management.deleteQueue(name) }

    func onLinkError(_ event: LinkEvent) {
        condition = event.link.remoteCondition
        event.container.stop()
    }
}

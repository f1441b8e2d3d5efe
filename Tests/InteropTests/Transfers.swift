// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension Feature {
    /// Messages one by one, and what becomes of them.
    static let transfers: [Feature] = [
        Feature("send: confirmed", needed: .all) { peer in
            let sender = try peer.connect().createSender(try peer.newQueue())
            let outcome = try sender.send(Message(body: "x"))
            try require(outcome == .accepted, "its outcome is \(outcome.map { "\($0)" } ?? "none")")
            return ""
        },
        Feature("send: settled", needed: .all) { peer in
            let (connection, queue) = (try peer.connect(), try peer.newQueue())
            try connection.createSender(queue, options: .atMostOnce).send(Message(body: "x"))
            try require(try connection.createReceiver(queue).take().body == "x", "another message comes")
            return ""
        },
        Feature("receive: in order", needed: .all) { peer in
            let (connection, queue) = (try peer.connect(), try peer.newQueue())
            let sender = try connection.createSender(queue)
            for number in 0..<20 { try sender.send(Message(body: number)) }
            let receiver = try connection.createReceiver(queue, credit: 5)
            let bodies = try (0..<20).map { _ in try receiver.take().body.value }
            try require(bodies == (0..<20).map { AMQPValue($0) }, "in the order \(bodies)")
            return ""
        },
        Feature("a released message comes back", needed: [.rabbitMQ3, .rabbitMQ4, .swift]) { peer in
            let message = try comeback(peer, .released)
            return message.deliveryCount == 0 ? "" : "with delivery count \(message.deliveryCount)"
        },
        Feature("a modified message comes back, with its count and annotations", needed: [.rabbitMQ4, .swift]) { peer in
            let outcome = DeliveryState.modified(
                deliveryFailed: true, undeliverableHere: false, annotations: ["x-opt-tried": true])
            let message = try comeback(peer, outcome)
            let count = message.deliveryCount == 1
            let annotations = message.annotations["x-opt-tried"] == true
            try require(count || annotations, "it comes back, without count and annotations")
            return count && annotations ? "" : "without its \(count ? "annotations" : "count")"
        },
        Feature("a rejected message is gone", needed: [.rabbitMQ3, .rabbitMQ4, .swift]) { peer in
            do {
                _ = try comeback(peer, .rejected(Condition("test:bad", "No good.")))
            } catch is Gone {
                return ""
            }
            throw Lacking("it comes back")
        },
        Feature("1 MiB in a message", needed: [.rabbitMQ3, .rabbitMQ4, .cpp, .python, .swift]) { peer in
            let (connection, queue) = (try peer.connect(), try peer.newQueue())
            let body = (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try connection.createSender(queue).send(Message(body: .data(body)))
            try require(try connection.createReceiver(queue).take().body.bytes == body, "it comes back changed")
            return ""
        },
    ]

    private struct Gone: Error, CustomStringConvertible {
        var description: String { "the message does not come back" }
    }

    /// Receives a message, gives it an outcome, and receives it again.
    private static func comeback(_ peer: Peer, _ outcome: DeliveryState) throws -> Message {
        let (connection, queue) = (try peer.connect(), try peer.newQueue())
        try connection.createSender(queue).send(Message(body: "x"))
        let receiver = try connection.createReceiver(queue, credit: 0)
        _ = try receiver.receive()
        try receiver.settleAtPeer(outcome)
        guard let message = try receiver.next() else { throw Gone() }
        try receiver.settleIfNeeded(.accepted)
        return message
    }
}

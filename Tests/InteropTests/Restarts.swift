// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension Feature {
    /// The peers that keep durable messages in files.
    private static let storing: Set<Peer> = [.rabbitMQ3, .rabbitMQ4, .swift]

    /// What is there after a broker has crashed and was started again.
    static let restarts: [Feature] = [
        Feature("durable messages outlive a crash", needed: storing) { peer in
            let queue = try peer.newQueue(.classic)
            // RabbitMQ makes the queue that it makes for the link as durable as the link says.
            let durable = LinkOption.target { $0.durability = .unsettledState }
            let connection = try peer.connect()
            let sender = try connection.createSender(queue, options: durable)
            let kept = LinkOption.source { $0.durability = .unsettledState }
            if storing.contains(peer) {
                let receiver = try connection.createReceiver(queue, options: kept)
                try age(sender, receiver)
                try receiver.close()
            }
            for number in 1...10 { try sender.send(Message(id: MessageID("\(number)"), body: "x", isDurable: true)) }
            try peer.crash()
            try peer.waitUntilUp()
            let receiver = try peer.connect().createReceiver(queue, credit: 10, options: kept)
            // It may take them a while to read what they have kept.
            var ids = storing.contains(peer) ? [try receiver.take().id?.stringValue ?? "?"] : []
            while let message = try receiver.next() {
                try receiver.settleIfNeeded(.accepted)
                ids.append(message.id?.stringValue ?? "?")
            }
            try require(!ids.isEmpty, "keeps messages in memory only")
            try require(ids == (1...10).map { "\($0)" }, "of ten messages, \(ids) are left")
            return ""
        },
        Feature("links are restored after a crash", needed: .all) { peer in
            let queue = try peer.newQueue(.classic)
            let connection = try peer.connect(ConnectionOptions(), timeout: .seconds(60))
            let (sender, receiver) = (try connection.createSender(queue), try connection.createReceiver(queue))
            if storing.contains(peer) { try age(sender, receiver) }
            try sender.send(Message(body: "before"))
            try require(try receiver.take().body == "before", "another message comes")
            try peer.crash()
            do {
                try sender.send(Message(body: "after"))
            } catch let error as ProtonError where error.code == .inDoubt {
                // It was on its way while the connection was lost.
                try sender.send(Message(body: "after"))
            }
            try require(try receiver.receive().body == "after", "another message comes")
            return ""
        },
    ]

    /// Has messages go through a queue until it is old enough to outlive a crash: RabbitMQ takes up to two seconds to
    /// write down that it is there.
    private static func age(_ sender: BlockingSender, _ receiver: BlockingReceiver) throws {
        let isOld = ContinuousClock.now + .seconds(3)
        while ContinuousClock.now < isOld {
            try sender.send(Message(body: "x"))
            _ = try receiver.take()
        }
    }
}

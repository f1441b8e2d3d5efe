// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension Feature {
    /// What kinds of nodes there are, and what can be asked of them.
    static let nodes: [Feature] = [
        Feature("dynamic reply queue", needed: [.python, .cpp, .swift]) { peer in
            let connection = try peer.connect(timeout: .seconds(3))
            let receiver: BlockingReceiver
            do {
                receiver = try connection.createReceiver(isDynamic: true)
            } catch let error as ProtonError where error.code == .timedOut {
                throw Lacking("does not answer, and the call ends with the error \"\(error.message)\"")
            }
            try connection.createSender(receiver.address).send(Message(body: "reply"))
            try require(try receiver.take().body == "reply", "another message comes")
            return ""
        },
        Feature("anonymous relay", needed: [.rabbitMQ4, .python, .swift]) { peer in
            let (connection, queue) = (try peer.connect(timeout: .seconds(3)), try peer.newQueue())
            try connection.createSender(nil).send(Message(body: "relayed", address: queue))
            try require(try connection.createReceiver(queue).take().body == "relayed", "another message comes")
            return ""
        },
        Feature("request and reply by correlation id, over a queue of the caller's", needed: .all) { peer in
            let (requests, replies) = (try peer.newQueue(), try peer.newQueue())
            let (client, server) = (try peer.connect(), try peer.connect())
            let (ask, answers) = (try client.createSender(requests), try client.createReceiver(replies))
            let asked = try server.createReceiver(requests)
            for id in ["first", "second"] {
                try ask.send(Message(body: id, replyTo: replies, correlationID: MessageID(id)))
                let request = try asked.take()
                try require(request.replyTo == replies, "the request's reply-to is \(request.replyTo ?? "nothing")")
                let answer = Message(body: request.body, correlationID: request.correlationID)
                try server.createSender(request.replyTo).send(answer)
                let reply = try answers.take()
                try require(
                    reply.correlationID == MessageID(id) && reply.body.stringValue == id, "the reply is \(reply)")
            }
            return ""
        },
        Feature("selector", needed: [.swift]) { peer in
            let (connection, queue) = (try peer.connect(), try peer.newQueue())
            let sender = try connection.createSender(queue)
            for colour in ["red", "green", "blue", "green"] {
                try sender.send(Message(body: colour, properties: ["colour": .string(colour)]))
            }
            let receiver = try connection.createReceiver(queue, options: .selector("colour = 'green'"))
            var colours: [String] = []
            while let message = try receiver.next() {
                try receiver.settleIfNeeded(.accepted)
                colours.append(message.body.stringValue ?? "?")
            }
            try require(colours == ["green", "green"], "sends \(colours.joined(separator: ", "))")
            return ""
        },
        Feature("browsing", needed: [.swift]) { peer in
            let (connection, queue) = (try peer.connect(), try peer.newQueue())
            let sender = try connection.createSender(queue)
            for body in ["a", "b"] { try sender.send(Message(body: body)) }
            for _ in 0..<2 {
                let browser = try connection.createReceiver(queue, options: .copy)
                var count = 0
                while let message = try browser.next() {
                    try browser.settleIfNeeded(.accepted)
                    try require(message.body.stringValue == ["a", "b"][min(count, 1)], "another message comes")
                    count += 1
                }
                try require(count == 2, "a browser takes the messages away")
                try browser.close()
            }
            return ""
        },
        Feature(
            "ten confirmed messages with content type and id, through an exchange",
            needed: [.rabbitMQ3, .rabbitMQ4]
        ) { peer in
            let (connection, name) = (try peer.connect(), peer.newName())
            let (target, source): (String, String)
            switch peer {
            case .rabbitMQ3: (target, source) = ("/exchange/amq.topic/\(name)", "/exchange/amq.topic/\(name)")
            case .rabbitMQ4:
                let management = try RabbitMQManagement(connection)
                try management.declareQueue(name)
                try management.bind(.queue(name), to: "amq.topic", key: name)
                (target, source) = (RabbitMQAddress.exchange("amq.topic", key: name), RabbitMQAddress.queue(name))
            case .c, .cpp, .python, .swift: throw NotApplicable()
            }
            let receiver = try connection.createReceiver(source, credit: 10)
            let sender = try connection.createSender(target)
            for number in 1...10 {
                let message = Message(
                    id: MessageID("message-\(number)"), body: .data([UInt8(number)]),
                    contentType: "application/octet-stream")
                let outcome = try sender.send(message)
                try require(outcome == .accepted, "the outcome of \(number) is \(outcome.map { "\($0)" } ?? "none")")
            }
            for number in 1...10 {
                let message = try receiver.take()
                try require(
                    message.id == MessageID("message-\(number)") && message.contentType == "application/octet-stream"
                        && message.body.bytes == [UInt8(number)], "message \(number) comes as \(message)")
            }
            return ""
        },
    ]
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension Feature {
    /// Streams, whose messages stay, and are received from where and which ones the receiver says.
    static let rabbitMQStreams: [Feature] = [
        Feature("streams: from an offset", needed: [.rabbitMQ4]) { peer in
            let (connection, name) = (try peer.connect(), peer.newName())
            let management = try RabbitMQManagement(connection)
            try management.declareQueue(name, type: .stream)
            let address = RabbitMQAddress.queue(name)
            let sender = try connection.createSender(address)
            for number in 0..<100 { try sender.send(Message(body: .value(AMQPValue(number)))) }
            let wanted: [(AMQPValue, Range<Int>)] = [
                ("first", 0..<100), (.ulong(60), 60..<100), (.timestamp(Timestamp(milliseconds: 0)), 0..<100),
            ]
            for (offset, numbers) in wanted {
                let receiver = try connection.createReceiver(
                    address, credit: 10, options: filter("rabbitmq:stream-offset-spec", offset))
                for number in numbers {
                    let message = try receiver.take()
                    try require(
                        message.body.value.intValue == number
                            && message.annotations["x-stream-offset"]?.intValue == number,
                        "from \(offset), \(message) comes instead of \(number)")
                }
                try require(try receiver.next() == nil, "from \(offset), another message comes")
                try receiver.close()
            }
            let next = try connection.createReceiver(
                address, options: filter("rabbitmq:stream-offset-spec", "next"))
            try sender.send(Message(body: "new"))
            try require(try next.take().body == "new", "another message comes next")
            try management.deleteQueue(name)
            return ""
        },
        Feature("streams: by filter", needed: [.rabbitMQ4]) { peer in
            let (connection, name) = (try peer.connect(), peer.newName())
            let management = try RabbitMQManagement(connection)
            try management.declareQueue(name, type: .stream)
            let address = RabbitMQAddress.queue(name)
            let sender = try connection.createSender(address)
            // Filters are of chunks, and a message that is confirmed before the next one is sent has one of its own.
            for number in 0..<30 {
                let colour = ["red", "green", nil][number % 3]
                let annotations: Annotations = colour.map { ["x-stream-filter-value": .string($0)] } ?? [:]
                try sender.send(Message(body: .value(.string(colour ?? "none")), annotations: annotations))
            }
            let unfiltered = filter("rabbitmq:stream-match-unfiltered", true)
            let wanted: [([LinkOption], Set<String>, Int)] = [
                ([filter("rabbitmq:stream-filter", "red")], ["red"], 10),
                ([filter("rabbitmq:stream-filter", .list(["red", "green"]))], ["red", "green"], 20),
                ([filter("rabbitmq:stream-filter", "red"), unfiltered], ["red", "none"], 20),
            ]
            for (options, colours, count) in wanted {
                let all = options + [filter("rabbitmq:stream-offset-spec", "first")]
                let receiver = try connection.createReceiver(
                    address, credit: 10, options: LinkOption { link in for option in all { option.apply(to: link) } })
                var come: [String] = []
                while let message = try receiver.next() {
                    try receiver.accept()
                    come.append(message.body.stringValue ?? "?")
                }
                try require(Set(come) == colours && come.count == count, "for \(colours), there come \(come)")
                try receiver.close()
            }
            try management.deleteQueue(name)
            return ""
        },
    ]

    private static func filter(_ name: String, _ value: AMQPValue) -> LinkOption {
        .filter([.string(name): .described(Described(descriptor: .symbol(Symbol(name)), value: value))])
    }
}

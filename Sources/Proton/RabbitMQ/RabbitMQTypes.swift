// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonUtilities

/// RabbitMQ's addresses of version 2, with names percent-encoded; what they name has to be there.
public enum RabbitMQAddress {
    /// The address of a queue, to send to and to receive from.
    public static func queue(_ name: String) -> String { "/queues/\(PercentEncoding.encode(name))" }

    /// The address of an exchange, to send to.
    /// - Parameters:
    ///   - name: the exchange's.
    ///   - key: the routing key of messages; nil is the empty one.
    public static func exchange(_ name: String, key: String? = nil) -> String {
        "/exchanges/\(PercentEncoding.encode(name))" + (key.map { "/\(PercentEncoding.encode($0))" } ?? "")
    }
}

/// A queue, as RabbitMQ says it is.
public struct RabbitMQQueue: Sendable, Hashable {
    /// What kind of queue.
    public enum QueueType: String, Sendable, Hashable, CaseIterable {
        /// On one node.
        case classic
        /// Replicated, and always durable.
        case quorum
        /// A log, whose messages stay when they have been received.
        case stream
    }

    /// The queue's name.
    public let name: String
    /// What kind of queue; nil is one that is not known here.
    public let type: QueueType?
    /// How many messages no consumer has yet.
    public let messageCount: UInt64
    /// How many consumers there are.
    public let consumerCount: UInt64
    /// All that RabbitMQ says of the queue, by its names: `arguments`, `leader`, `replicas` and others.
    public let properties: AMQPMap

    init(_ answer: RabbitMQManagement.Answer) throws {
        guard let properties = answer.body.mapValue, let name = answer.body["name"]?.stringValue,
            let messages = answer.body["message_count"]?.integer(as: UInt64.self),
            let consumers = answer.body["consumer_count"]?.integer(as: UInt64.self)
        else { throw answer.unexpected }
        (self.name, messageCount, consumerCount, self.properties) = (name, messages, consumers, properties)
        type = answer.body["type"]?.stringValue.flatMap { QueueType(rawValue: $0) }
    }
}

/// What an exchange of RabbitMQ's sends messages to.
public enum RabbitMQDestination: Sendable, Hashable {
    /// A queue, by its name.
    case queue(String)
    /// Another exchange, by its name.
    case exchange(String)

    var name: String {
        switch self {
        case .queue(let name), .exchange(let name): name
        }
    }

    /// What requests call it.
    var field: String {
        switch self {
        case .queue: "destination_queue"
        case .exchange: "destination_exchange"
        }
    }

    /// What queries call it.
    var query: String {
        switch self {
        case .queue: "dstq"
        case .exchange: "dste"
        }
    }
}

/// RabbitMQ has not carried out a request of `RabbitMQManagement`.
public struct RabbitMQError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The status, as in HTTP: 403 where the user may not, 404 where what was asked for is not there, 409 where something
    /// else of that name is there, 400 for other requests that make no sense; 0 where the answer has none.
    public let status: Int
    /// What was asked for, as in `PUT /queues/orders`.
    public let request: String
    /// RabbitMQ's words.
    public let explanation: String

    /// Creates an error.
    public init(status: Int, request: String, explanation: String) {
        (self.status, self.request, self.explanation) = (status, request, explanation)
    }

    /// What happened, for a person.
    public var description: String { "RabbitMQ has refused \(request) with status \(status): \(explanation)" }
}

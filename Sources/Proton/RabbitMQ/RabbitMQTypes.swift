// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonUtilities

/// RabbitMQ's addresses of version 2, with names percent-encoded; the queues and exchanges must exist.
public enum RabbitMQAddress {
    /// The address of a queue, to send to and to receive from.
    public static func queue(_ name: String) -> String { "/queues/\(PercentEncoding.encode(name))" }

    /// The address of an exchange, for senders.
    /// - Parameters:
    ///   - name: the exchange's name.
    ///   - key: the routing key of messages; nil is the empty key.
    public static func exchange(_ name: String, key: String? = nil) -> String {
        "/exchanges/\(PercentEncoding.encode(name))" + (key.map { "/\(PercentEncoding.encode($0))" } ?? "")
    }
}

/// A queue, as RabbitMQ describes it.
public struct RabbitMQQueue: Sendable, Hashable {
    /// The type of a queue.
    public enum QueueType: String, Sendable, Hashable, CaseIterable {
        /// On one node.
        case classic
        /// Replicated, and always durable.
        case quorum
        /// A log, whose messages stay after they have been received.
        case stream
    }

    /// The queue's name.
    public let name: String
    /// The type of the queue; nil for an unknown type.
    public let type: QueueType?
    /// How many messages are not delivered to a consumer.
    public let messageCount: UInt64
    /// How many consumers there are.
    public let consumerCount: UInt64
    /// The queue's properties in RabbitMQ's answer: `arguments`, `leader`, `replicas` and others.
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

/// The destination of a binding: a queue or another exchange.
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

    /// Its field in request bodies.
    var field: String {
        switch self {
        case .queue: "destination_queue"
        case .exchange: "destination_exchange"
        }
    }

    /// Its parameter in queries.
    var query: String {
        switch self {
        case .queue: "dstq"
        case .exchange: "dste"
        }
    }
}

/// The error of a request of `RabbitMQManagement` that the broker refused.
public struct RabbitMQError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The status of the answer, as in HTTP; 0 if it has none.
    ///
    /// 403: the user is not allowed. 404: the object does not exist. 409: another object of that name exists. 400: the request is
    /// invalid in another way.
    public let status: Int
    /// The request, as in `PUT /queues/orders`.
    public let request: String
    /// RabbitMQ's explanation.
    public let explanation: String

    /// Creates an error.
    public init(status: Int, request: String, explanation: String) {
        (self.status, self.request, self.explanation) = (status, request, explanation)
    }

    /// A description of what happened, for people.
    public var description: String { "RabbitMQ has refused \(request) with status \(status): \(explanation)" }
}

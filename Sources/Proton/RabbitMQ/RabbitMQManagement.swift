// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities
import Synchronization

/// Declares, queries and deletes the queues, exchanges and bindings of a RabbitMQ broker, version 4 or newer, over AMQP.
///
/// RabbitMQ's addresses of version 2, which `RabbitMQAddress` creates, name existing objects: a link to a missing queue is
/// refused. Requests use a pair of links to the node `/management`, as RabbitMQ's documentation specifies ("AMQP 1.0,
/// Management"). It may be used from any thread; one request is sent at a time, and others wait.
public final class RabbitMQManagement: Sendable {
    /// The connection of the requests.
    public let connection: BlockingConnection
    private let sender: BlockingSender
    private let receiver: BlockingReceiver
    private let isAsking = Monitor(false)
    private static let lastNumber = Atomic<UInt64>(0)

    private static func nextNumber() -> UInt64 { lastNumber.add(1, ordering: .relaxed).newValue }

    /// Creates the links, and waits until the broker has attached them.
    /// - Parameter connection: the connection to use; it stays open. Its time-out is that of each request.
    /// - Throws: as `BlockingConnection.createSender` and `createReceiver`: a broker without this node refuses a link.
    public init(_ connection: BlockingConnection) throws {
        self.connection = connection
        // A pair consists of two links of one name, whose sources and targets name the same two addresses (AMQP Link Pairing,
        // 2.1).
        let name = "management-\(RabbitMQManagement.nextNumber())"
        let node = "/management"
        let paired = LinkOption.properties(["paired": true])
        sender = try connection.createSender(
            node, name: name, options: paired, .atMostOnce, .source { $0.address = node })
        // RabbitMQ ends the session if there is no credit for the answer to a request, and late answers use credit too.
        receiver = try connection.createReceiver(
            node, credit: 10, name: name, options: paired, .atMostOnce, .target { $0.address = node })
    }

    /// Closes the links.
    /// - Throws: `ProtonError.Code.timedOut` if the broker does not answer.
    public func close() throws {
        try sender.close()
        try receiver.close()
    }

    // MARK: Queues

    /// Creates a queue, unless it exists.
    /// - Parameters:
    ///   - name: the queue's name; see `RabbitMQAddress.queue` for its address.
    ///   - type: the type of the queue. Default a quorum queue.
    ///   - isDurable: whether the queue outlives the broker; required for quorum queues and streams.
    ///   - isExclusive: whether only this connection can use the queue, which is deleted with it; for classic queues.
    ///   - isAutoDeleted: whether the queue is deleted with its last consumer; for classic queues.
    ///   - arguments: further arguments, as in `["x-max-length": 1000]`.
    /// - Returns: the queue; an existing one may have a `messageCount` above 0.
    /// - Throws: `RabbitMQError`, with status 409 if the queue exists with other settings; otherwise as `BlockingSender.send` and
    ///   `BlockingReceiver.receive`.
    @discardableResult
    public func declareQueue(
        _ name: String, type: RabbitMQQueue.QueueType = .quorum, isDurable: Bool = true, isExclusive: Bool = false,
        isAutoDeleted: Bool = false, arguments: AMQPMap = [:]
    ) throws -> RabbitMQQueue {
        var all = arguments
        all["x-queue-type"] = .string(type.rawValue)
        let body: AMQPMap = [
            "durable": .boolean(isDurable), "exclusive": .boolean(isExclusive),
            "auto_delete": .boolean(isAutoDeleted), "arguments": .map(all),
        ]
        return try RabbitMQQueue(try request("PUT", RabbitMQAddress.queue(name), .map(body)))
    }

    /// Queries a queue.
    /// - Throws: `RabbitMQError`, with status 404 if there is no queue of this name; otherwise as `declareQueue`.
    public func queue(_ name: String) throws -> RabbitMQQueue {
        try RabbitMQQueue(try request("GET", RabbitMQAddress.queue(name)))
    }

    /// Removes the messages of a queue that are not delivered to a consumer; messages of a stream cannot be removed.
    /// - Returns: the number of removed messages.
    /// - Throws: as `declareQueue`.
    @discardableResult
    public func purgeQueue(_ name: String) throws -> UInt64 {
        try messageCount(try request("DELETE", "\(RabbitMQAddress.queue(name))/messages"))
    }

    /// Deletes a queue with its messages, if it exists; the broker closes the links to it.
    /// - Returns: the number of deleted messages.
    /// - Throws: as `declareQueue`.
    @discardableResult
    public func deleteQueue(_ name: String) throws -> UInt64 {
        try messageCount(try request("DELETE", RabbitMQAddress.queue(name)))
    }

    private func messageCount(_ answer: Answer) throws -> UInt64 {
        guard let count = answer.body["message_count"]?.integer(as: UInt64.self) else { throw answer.unexpected }
        return count
    }

    // MARK: Exchanges and bindings

    /// Creates an exchange, unless it exists.
    /// - Parameters:
    ///   - name: the exchange's name; see `RabbitMQAddress.exchange` for its address.
    ///   - type: `direct`, `fanout`, `topic`, `headers`, or the type of a plug-in. Default `direct`.
    ///   - isDurable: whether the exchange outlives the broker.
    ///   - isAutoDeleted: whether the exchange is deleted with its last binding.
    ///   - isInternal: whether only other exchanges can send to it.
    ///   - arguments: further arguments, as in `["alternate-exchange": "lost"]`.
    /// - Throws: as `declareQueue`.
    public func declareExchange(
        _ name: String, type: String = "direct", isDurable: Bool = true, isAutoDeleted: Bool = false,
        isInternal: Bool = false, arguments: AMQPMap = [:]
    ) throws {
        let body: AMQPMap = [
            "type": .string(type), "durable": .boolean(isDurable), "auto_delete": .boolean(isAutoDeleted),
            "internal": .boolean(isInternal), "arguments": .map(arguments),
        ]
        try request("PUT", RabbitMQAddress.exchange(name), .map(body))
    }

    /// Deletes an exchange with its bindings, if it exists.
    /// - Throws: as `declareQueue`.
    public func deleteExchange(_ name: String) throws {
        try request("DELETE", RabbitMQAddress.exchange(name))
    }

    /// Creates a binding, so that an exchange routes messages to a queue or another exchange, unless it exists.
    /// - Parameters:
    ///   - destination: the queue or exchange that receives the messages.
    ///   - exchange: the exchange that routes the messages.
    ///   - key: the binding key, whose meaning depends on the exchange's type.
    ///   - arguments: the arguments of the binding; for an exchange of type `headers` they name headers.
    /// - Throws: as `declareQueue`; the status is 404 or 400 if the exchange or the destination does not exist.
    public func bind(
        _ destination: RabbitMQDestination, to exchange: String, key: String = "", arguments: AMQPMap = [:]
    ) throws {
        let body: AMQPMap = [
            "source": .string(exchange), .string(destination.field): .string(destination.name),
            "binding_key": .string(key), "arguments": .map(arguments),
        ]
        try request("POST", "/bindings", .map(body))
    }

    /// Deletes the binding that `bind` with the same arguments created; does nothing if it does not exist.
    /// - Throws: as `declareQueue`.
    public func unbind(
        _ destination: RabbitMQDestination, from exchange: String, key: String = "", arguments: AMQPMap = [:]
    ) throws {
        let query = [("src", exchange), (destination.query, destination.name), ("key", key)]
            .map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
        let answer = try request("GET", "/bindings?\(query)")
        guard let bindings = answer.body.listValue else { throw answer.unexpected }
        for binding in bindings where binding["arguments"]?.mapValue ?? [:] == arguments {
            guard let location = binding["location"]?.stringValue else { throw answer.unexpected }
            try request("DELETE", location)
        }
    }

    // MARK: Requests

    /// The broker's answer to a request that succeeded.
    struct Answer {
        let request: String
        let status: Int
        let body: AMQPValue

        /// The error for an answer that does not conform to the documentation.
        var unexpected: RabbitMQError {
            RabbitMQError(status: status, request: request, explanation: "An answer of another form: \(body)")
        }
    }

    /// Sends a request, as in HTTP (HTTP over AMQP, 5.1), and waits for its answer.
    @discardableResult
    private func request(_ method: String, _ path: String, _ body: AMQPValue = .null) throws -> Answer {
        let deadline = Deadline(after: connection.timeout)
        let isMyTurn: Void? = isAsking.wait(until: deadline) { isAsking in
            guard !isAsking else { return nil }
            isAsking = true
            return ()
        }
        guard isMyTurn != nil else { throw ProtonError(.timedOut, "Other requests have taken all of the time.") }
        defer { isAsking.withLock { $0 = false } }

        let id = MessageID("\(RabbitMQManagement.nextNumber())")
        let message = Message(id: id, body: .value(body), address: path, subject: method, replyTo: "$me")
        _ = try sender.send(message, until: deadline)
        while true {
            let response = try receiver.receive(until: deadline)
            // An answer to a request that has timed out.
            guard response.correlationID == id else { continue }
            let answer = Answer(
                request: "\(method) \(path)", status: response.subject.flatMap { Int($0) } ?? 0,
                body: response.body.value)
            guard (200..<300).contains(answer.status) else {
                let explanation = answer.body.stringValue ?? "\(answer.body)"
                throw RabbitMQError(status: answer.status, request: answer.request, explanation: explanation)
            }
            return answer
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities
import Synchronization

/// Declares, looks at and deletes the queues, exchanges and bindings of a RabbitMQ broker, version 4 or newer, over AMQP.
///
/// RabbitMQ's addresses of version 2, which `RabbitMQAddress` makes, name what is there already: a link to a queue that is
/// not there is refused. Requests go over a pair of links to the node `/management`, as RabbitMQ's documentation has it
/// ("AMQP 1.0, Management"). From any thread; one request at a time is made, others wait for their turn.
public final class RabbitMQManagement: Sendable {
    /// The connection that requests go over.
    public let connection: BlockingConnection
    private let sender: BlockingSender
    private let receiver: BlockingReceiver
    private let isAsking = Monitor(false)
    private static let lastNumber = Atomic<UInt64>(0)

    private static func nextNumber() -> UInt64 { lastNumber.add(1, ordering: .relaxed).newValue }

    /// Makes the links, and waits until the broker has attached them.
    /// - Parameter connection: what to ask over; it stays open. Its time-out is that of each request.
    /// - Throws: as `BlockingConnection.createSender` and `createReceiver`: a broker without this node refuses a link.
    public init(_ connection: BlockingConnection) throws {
        self.connection = connection
        // A pair is two links of one name, whose source and target name the same two places (AMQP Link Pairing, 2.1).
        let name = "management-\(RabbitMQManagement.nextNumber())"
        let node = "/management"
        let paired = LinkOption.properties(["paired": true])
        sender = try connection.createSender(
            node, name: name, options: paired, .atMostOnce, .source { $0.address = node })
        // RabbitMQ ends the session for a request to whose answer there is no credit, and late answers use up some.
        receiver = try connection.createReceiver(
            node, credit: 10, name: name, options: paired, .atMostOnce, .target { $0.address = node })
    }

    /// Closes the links.
    /// - Throws: `ProtonError.Code.timedOut` where the broker does not answer.
    public func close() throws {
        try sender.close()
        try receiver.close()
    }

    // MARK: Queues

    /// Makes a queue, where there is none of its name.
    /// - Parameters:
    ///   - name: the queue's name; `RabbitMQAddress.queue` makes its address.
    ///   - type: what kind of queue. Default a quorum queue.
    ///   - isDurable: whether the queue outlives the broker; quorum queues and streams have to.
    ///   - isExclusive: whether the queue is this connection's only, and ends with it; of classic queues.
    ///   - isAutoDeleted: whether the queue goes when its last consumer does; of classic queues.
    ///   - arguments: more about the queue, as in `["x-max-length": 1000]`.
    /// - Returns: the queue; its `messageCount` is not 0 where it was there.
    /// - Throws: `RabbitMQError`, with status 409 where a queue of this name is there and is another one; otherwise as
    ///   `BlockingSender.send` and `BlockingReceiver.receive`.
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

    /// Looks at a queue.
    /// - Throws: `RabbitMQError`, with status 404 where there is none of this name; otherwise as `declareQueue`.
    public func queue(_ name: String) throws -> RabbitMQQueue {
        try RabbitMQQueue(try request("GET", RabbitMQAddress.queue(name)))
    }

    /// Removes the messages of a queue that no consumer has; those of a stream cannot be removed.
    /// - Returns: how many there were.
    /// - Throws: as `declareQueue`.
    @discardableResult
    public func purgeQueue(_ name: String) throws -> UInt64 {
        try messageCount(try request("DELETE", "\(RabbitMQAddress.queue(name))/messages"))
    }

    /// Deletes a queue with its messages, where it is there; links to it are closed by the broker.
    /// - Returns: how many messages there were.
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

    /// Makes an exchange, where there is none of its name.
    /// - Parameters:
    ///   - name: the exchange's name; `RabbitMQAddress.exchange` makes its address.
    ///   - type: `direct`, `fanout`, `topic`, `headers`, or what a plug-in brings. Default `direct`.
    ///   - isDurable: whether the exchange outlives the broker.
    ///   - isAutoDeleted: whether the exchange goes when its last binding does.
    ///   - isInternal: whether only other exchanges can send to it.
    ///   - arguments: more about the exchange, as in `["alternate-exchange": "lost"]`.
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

    /// Deletes an exchange with its bindings, where it is there.
    /// - Throws: as `declareQueue`.
    public func deleteExchange(_ name: String) throws {
        try request("DELETE", RabbitMQAddress.exchange(name))
    }

    /// Has an exchange send messages on, where it does not yet.
    /// - Parameters:
    ///   - destination: where to: a queue, or another exchange.
    ///   - exchange: the exchange whose messages it gets.
    ///   - key: which of them, as the exchange's type understands it.
    ///   - arguments: the same; those of an exchange of type `headers` name headers.
    /// - Throws: as `declareQueue`; the status is 404 or 400 where the exchange or the destination is not there.
    public func bind(
        _ destination: RabbitMQDestination, to exchange: String, key: String = "", arguments: AMQPMap = [:]
    ) throws {
        let body: AMQPMap = [
            "source": .string(exchange), .string(destination.field): .string(destination.name),
            "binding_key": .string(key), "arguments": .map(arguments),
        ]
        try request("POST", "/bindings", .map(body))
    }

    /// Ends what `bind` with the same arguments began; does nothing where it is not so.
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

    /// What the broker has answered to a request that it has carried out.
    struct Answer {
        let request: String
        let status: Int
        let body: AMQPValue

        /// The error of an answer that is not as documented.
        var unexpected: RabbitMQError {
            RabbitMQError(status: status, request: request, explanation: "An answer of another form: \(body)")
        }
    }

    /// Makes a request, as in HTTP (HTTP over AMQP, 5.1), and waits for its answer.
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

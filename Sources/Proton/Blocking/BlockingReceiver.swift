// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import DequeModule
import ProtonEngine
import ProtonUtilities

/// A receiver whose `receive` waits for a message; made by `BlockingConnection.createReceiver`.
///
/// Each message that is received is then accepted, rejected or released, in the order in which they were received. From
/// any thread; but where several threads receive, give each a receiver of its own, since that order is the receiver's.
public final class BlockingReceiver: Sendable {
    /// The connection that the link is on, which it keeps open.
    public let connection: BlockingConnection
    private let link: ClientLink
    /// The link's messages; nil where they are a handler's.
    private let messages: ReceiverLink?
    private let received = UncheckedMutex(Received())

    /// The messages that were received.
    private struct Received {
        /// Those that wait for their outcome.
        var unsettled: Deque<Incoming.Token> = []
        /// Whether there was one that its sender had settled.
        var hasSeenSettled = false
    }

    init(_ link: ClientLink, _ incoming: Incoming?, _ connection: BlockingConnection) {
        messages = incoming.map { ReceiverLink($0, link, connection.container) }
        (self.link, self.connection) = (link, connection)
    }

    /// The address of the node that messages come from, as the peer says it is: of a dynamic node the one that it made.
    public var address: String? { link.address }

    /// Waits for a message, for the connection's time-out at most.
    /// - Throws: as `receive(timeout:)`.
    public func receive() throws -> Message {
        try receive(timeout: connection.timeout)
    }

    /// Waits for a message.
    /// - Parameter timeout: how long; zero takes one that has come already, nil is for ever. A message that comes later is
    ///   there for the next call.
    /// - Throws: `ProtonError`: `.timedOut`; `.linkError` where the peer closes or detaches the link; `.limitExceeded` where
    ///   a message is larger than `Link.maxMessageSize`, or more than twice the credit come, for which the link is closed;
    ///   `.protocolViolation` where what has come is no valid message: it was rejected, and the next call goes on;
    ///   `.disconnected` and the like where the connection is lost for good; `.closed`; `.invalidArgument` where the
    ///   receiver was made with a handler, for a time-out below zero, and in a callback of the same connection.
    public func receive(timeout: Duration?) throws -> Message {
        try receive(until: connection.begin("receive", timeout: timeout, allowsZero: true))
    }

    /// Waits for a message.
    func receive(until deadline: Deadline) throws -> Message {
        let messages = try requireNoHandler()
        while true {
            if let (arrival, tellsDomain) = messages.incoming.takeOne() {
                // Once it is decoded: the peer hears that it is rejected before it sends another one.
                defer { messages.tellDomain(tellsDomain) }
                return try message(arrival, of: messages)
            }
            try link.check()
            let isThere = messages.incoming.waitForArrival(until: deadline) { messages.tellDomain(true) }
            if !isThere { throw ProtonError(.timedOut, "\(link.title): no message has come in time.") }
        }
    }

    private func message(_ arrival: Incoming.Arrival, of messages: ReceiverLink) throws -> Message {
        let message = try messages.message(arrival)
        received.withLock { received in
            if let token = arrival.token { received.unsettled.append(token) } else { received.hasSeenSettled = true }
        }
        return message
    }

    private func requireNoHandler() throws(ProtonError) -> ReceiverLink {
        if let messages { return messages }
        throw ProtonError(
            .invalidArgument, "\(link.title): it was made with a handler, which its messages go to: take them there.")
    }

    // MARK: Outcomes

    /// Accepts and settles the oldest message that was received and has no outcome yet.
    /// - Throws: as `settle(_:)`.
    public func accept() throws { try settle(.accepted) }

    /// Rejects and settles the oldest message that was received and has no outcome yet.
    /// - Throws: as `settle(_:)`.
    public func reject(_ condition: Condition? = nil) throws { try settle(.rejected(condition)) }

    /// Gives the oldest message that was received and has no outcome yet back to its source, and settles it.
    /// - Parameter delivered: whether this counts as a try to deliver it (modified), or not (released).
    /// - Throws: as `settle(_:)`.
    public func release(delivered: Bool = true) throws {
        try settle(
            delivered ? .modified(deliveryFailed: true, undeliverableHere: false, annotations: [:]) : .released)
    }

    /// Settles the oldest message that was received and has not been settled, with an outcome.
    ///
    /// Does not wait: the outcome is on its way when this returns. A message that was received before the connection
    /// was lost and made again cannot be settled any more: nothing happens then, and the peer may send it again. Nothing
    /// happens either where all messages have an outcome and some of them came settled, which need none.
    /// - Throws: `ProtonError.Code.invalidArgument` where there is no such message; `.closed`, or what ended the link.
    public func settle(_ outcome: DeliveryState) throws {
        let messages = try requireNoHandler()
        try link.check()
        let token: Incoming.Token? = try received.withLock { received throws(ProtonError) in
            if let token = received.unsettled.popFirst() { return token }
            guard !received.hasSeenSettled else { return nil }
            throw ProtonError(
                .invalidArgument, "\(link.title): no message is unsettled: receive one, and settle it once.")
        }
        if let token { messages.settle(token, outcome) }
    }

    /// Closes the link, and waits until the peer has done so.
    ///
    /// Messages without an outcome go back to their source: those that nobody received as released, the others as `release`
    /// does.
    /// - Throws: `ProtonError.Code.timedOut`; `.invalidArgument` in a callback of the same connection.
    public func close() throws {
        let deadline = try connection.begin("close", timeout: connection.timeout)
        defer { messages?.incoming.discard() }
        try link.close(until: deadline)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import DequeModule
import ProtonEngine
import ProtonUtilities

/// A receiver whose `receive` blocks until a message arrives; created by `BlockingConnection.createReceiver`.
///
/// Each message is then accepted, rejected or released, in the order in which the receiver received them. It may be used from any
/// thread; but if several threads receive, give each its own receiver, since the threads would share that order.
public final class BlockingReceiver: Sendable {
    /// The connection that the link is on, which it keeps open.
    public let connection: BlockingConnection
    private let link: ClientLink
    /// The link's messages; nil if a handler receives them.
    private let messages: ReceiverLink?
    private let received = UncheckedMutex(Received())

    /// The received messages.
    private struct Received {
        /// The messages that are not settled.
        var unsettled: Deque<Incoming.Token> = []
        /// Whether the sender sent one of them settled.
        var hasSeenSettled = false
    }

    init(_ link: ClientLink, _ incoming: Incoming?, _ connection: BlockingConnection) {
        messages = incoming.map { ReceiverLink($0, link, connection.container) }
        (self.link, self.connection) = (link, connection)
    }

    /// The address of the node that messages come from, from the peer's attach: the generated address of a dynamic node.
    public var address: String? { link.address }

    /// Waits for a message, for at most the connection's time-out.
    /// - Throws: as `receive(timeout:)`.
    public func receive() throws -> Message {
        try receive(timeout: connection.timeout)
    }

    /// Waits for a message.
    /// - Parameter timeout: the maximum time; zero takes a message that has arrived already, nil waits without limit. A message
    ///   that arrives later is kept for the next call.
    /// - Throws: `ProtonError`: `.timedOut`; `.linkError` if the peer closes or detaches the link; `.limitExceeded` if a message
    ///   is larger than `Link.maxMessageSize`, or more than twice the credit arrives, and the link is closed;
    ///   `.protocolViolation` if a message is invalid: it was rejected, and the next call continues; `.disconnected` and others
    ///   if the connection is lost and not made again; `.closed`; `.invalidArgument` if the receiver was created with a handler,
    ///   for a time-out below zero, and in a callback of the same connection.
    public func receive(timeout: Duration?) throws -> Message {
        try receive(until: connection.begin("receive", timeout: timeout, allowsZero: true))
    }

    /// Waits for a message.
    func receive(until deadline: Deadline) throws -> Message {
        let messages = try requireNoHandler()
        while true {
            if let (arrival, tellsDomain) = messages.incoming.takeOne() {
                // After decoding: the peer then learns that a message is rejected before it sends another one.
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

    /// Accepts and settles the oldest received message that is not settled.
    /// - Throws: as `settle(_:)`.
    public func accept() throws { try settle(.accepted) }

    /// Rejects and settles the oldest received message that is not settled.
    /// - Throws: as `settle(_:)`.
    public func reject(_ condition: Condition? = nil) throws { try settle(.rejected(condition)) }

    /// Releases and settles the oldest received message that is not settled.
    /// - Parameter delivered: whether this counts as a failed delivery (modified), or not (released).
    /// - Throws: as `settle(_:)`.
    public func release(delivered: Bool = true) throws {
        try settle(
            delivered ? .modified(deliveryFailed: true, undeliverableHere: false, annotations: [:]) : .released)
    }

    /// Settles the oldest received message that is not settled, with an outcome.
    ///
    /// Does not wait: the outcome is scheduled to be sent when this returns. A message that was received before the connection
    /// was lost and made again cannot be settled any more: the call has no effect, and the peer may send the message again. The
    /// call also has no effect if all messages are settled and the sender sent some of them settled.
    /// - Throws: `ProtonError.Code.invalidArgument` if there is no unsettled message; `.closed`, or the error that ended the
    ///   link.
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

    /// Closes the link, and waits until the peer has closed it too.
    ///
    /// Unsettled messages return to the peer: those that were not received as released, the others as modified, as `release`
    /// does.
    /// - Throws: `ProtonError.Code.timedOut`; `.invalidArgument` in a callback of the same connection.
    public func close() throws {
        let deadline = try connection.begin("close", timeout: connection.timeout)
        defer { messages?.incoming.discard() }
        try link.close(until: deadline)
    }
}

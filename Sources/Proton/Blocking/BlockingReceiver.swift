public import AMQP
import ProtonEngine
import ProtonUtilities

/// A receiver whose `receive` waits for a message; made by `BlockingConnection.createReceiver`.
///
/// Each message that is received is then accepted, rejected or released, in the order in which they were received. From
/// any thread; but where several threads receive, give each a receiver of its own, since that order is the receiver's.
public final class BlockingReceiver: Sendable {
    /// The connection that the link is on, which it keeps open.
    public let connection: BlockingConnection
    private let link: BlockingLink<Inbox>

    init(_ link: BlockingLink<Inbox>, _ connection: BlockingConnection) {
        (self.link, self.connection) = (link, connection)
    }

    /// The address of the node that messages come from, as the peer says it is: of a dynamic node the one that it made.
    public var address: String? { link.state.withLock(\.address) }

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
        try receive(until: link.core.begin("receive", timeout: timeout, allowsZero: true))
    }

    /// Waits until the link is attached.
    /// - Returns: the node's address, and how often the connection was lost before.
    func waitUntilAttached(until deadline: Deadline) throws -> (address: String?, losses: Int) {
        try link.waitUntilAttached(until: deadline)
    }

    /// Waits for a message.
    /// - Parameter losses: how often the connection may have been lost; nil is as often as it will. What waits for a
    ///   message to a dynamic node waits in vain when that is gone.
    func receive(until deadline: Deadline, losses: Int? = nil) throws -> Message {
        try requireNoHandler()
        let isHere = try link.state.withLock { state throws(ProtonError) in
            let isHere = !state.traffic.isEmpty
            if !isHere { try state.check() }
            state.traffic.wanted += 1
            return isHere
        }
        defer { link.state.withLock { $0.traffic.wanted -= 1 } }
        if !isHere { try askForMore() }
        let result = try link.state.wait(until: deadline) { state throws(ProtonError) in
            if let result = state.traffic.pop() { return result }
            try state.check()
            if let losses, losses != state.losses {
                throw ProtonError(.inDoubt, "\(link.title): the connection was lost before a message had come.")
            }
            return nil
        }
        guard let result else { throw ProtonError(.timedOut, "\(link.title): no message has come in time.") }
        // Where the connection is lost by now, there is nothing to ask for.
        try? askForMore()
        return try result.get()
    }

    private func requireNoHandler() throws {
        guard link.program != nil else { return }
        throw ProtonError(
            .invalidArgument, "\(link.title): it was made with a handler, which its messages go to: take them there.")
    }

    private func askForMore() throws {
        try link.postToTraffic { inbox, link in inbox.topUp(link) }
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
        try requireNoHandler()
        let number: UInt64? = try link.state.withLock { state throws(ProtonError) in
            try state.check()
            if let number = state.traffic.takeUnsettled() { return number }
            guard !state.traffic.hasSeenSettled else { return nil }
            throw ProtonError(
                .invalidArgument, "\(link.title): no message is unsettled: receive one, and settle it once.")
        }
        if let number { try link.postToTraffic { inbox, _ in inbox.settle(number, outcome) } }
    }

    /// Closes the link, and waits until the peer has done so.
    ///
    /// Messages without an outcome go back to their source: those that nobody received as released, the others as `release`
    /// does.
    /// - Throws: `ProtonError.Code.timedOut`; `.invalidArgument` in a callback of the same connection.
    public func close() throws {
        try link.close(until: link.core.begin("close", timeout: connection.timeout))
    }
}

public import AMQP
import ProtonEngine

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
    /// - Parameter timeout: how long; nil is for ever. A message that comes later is there for the next call.
    /// - Throws: `ProtonError`: `.timedOut`, `.linkError` where the peer closes the link, `.disconnected` and the like where
    ///   the connection is lost for good, `.closed`; `.invalidArgument` where the receiver was made with a handler.
    public func receive(timeout: Duration?) throws -> Message {
        try receive(until: Deadline(after: timeout))
    }

    func receive(until deadline: Deadline) throws -> Message {
        try requireNoHandler()
        let isHere = try link.state.withLock { state throws(ProtonError) in
            try state.check()
            state.traffic.wanted += 1
            return !state.traffic.isEmpty
        }
        defer { link.state.withLock { $0.traffic.wanted -= 1 } }
        if !isHere { try askForMore() }
        let message = try link.state.wait(until: deadline) { state throws(ProtonError) in
            if let message = state.traffic.pop() { return message }
            try state.check()
            return nil
        }
        guard let message else { throw ProtonError(.timedOut, "\(link.title): no message has come in time.") }
        // Where the connection is lost by now, there is nothing to ask for.
        try? askForMore()
        return message
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

    /// Settles the oldest message that was received and has not been settled, with an outcome where one is given.
    ///
    /// Does not wait: the outcome is on its way when this returns. A message that was received before the connection
    /// was lost and made again cannot be settled any more: nothing happens then, and the peer may send it again.
    /// - Throws: `ProtonError.Code.invalidArgument` where there is no such message; `.closed`, or what ended the link.
    public func settle(_ outcome: DeliveryState? = nil) throws {
        try requireNoHandler()
        let number = try link.state.withLock { state throws(ProtonError) in
            try state.check()
            guard let number = state.traffic.takeUnsettled() else {
                throw ProtonError(
                    .invalidArgument, "\(link.title): no message is unsettled: receive one, and settle it once.")
            }
            return number
        }
        try link.postToTraffic { inbox, _ in inbox.settle(number, outcome) }
    }

    /// Closes the link, and waits until the peer has done so; messages without an outcome go back to their source.
    /// - Throws: `ProtonError.Code.timedOut`.
    public func close() throws {
        try link.close(timeout: connection.timeout)
    }
}

/// The messages of a blocking receiver: those that have come, no more than the peer had credit for, and those that were
/// received and wait for their outcome.
struct Inbox: BlockingTraffic {
    /// How many messages may come ahead.
    let window: Int
    /// How many calls wait for a message now.
    var wanted = 0
    /// Numbers are those of deliveries that can be settled.
    private var messages: [(message: Message, number: UInt64?)] = []
    private var unsettled: [UInt64] = []
    private var deliveries: [UInt64: Delivery] = [:]
    private var lastNumber: UInt64 = 0

    init(window: Int) {
        self.window = window
    }

    var isEmpty: Bool { messages.isEmpty }

    mutating func pop() -> Message? {
        guard !messages.isEmpty else { return nil }
        let (message, number) = messages.removeFirst()
        if let number { unsettled.append(number) }
        return message
    }

    mutating func takeUnsettled() -> UInt64? {
        unsettled.isEmpty ? nil : unsettled.removeFirst()
    }

    mutating func settle(_ number: UInt64, _ outcome: DeliveryState?) {
        let delivery = deliveries.removeValue(forKey: number)
        if let outcome { delivery?.settle(outcome) } else { delivery?.settle() }
    }

    /// Gives the peer credit: one for each call that waits, and up to the window when half of it is used up.
    func topUp(_ link: Link) {
        guard let receiver = link as? Receiver else { return }
        let expected = receiver.credit + messages.count
        guard expected < wanted || expected <= window / 2 else { return }
        receiver.grant(max(window, wanted) - expected)
    }

    mutating func opened(_ link: Link) {
        topUp(link)
    }

    mutating func arrived(_ message: Message, _ delivery: Delivery) {
        guard !delivery.isSettled else {
            delivery.settle()
            messages.append((message, nil))
            return
        }
        lastNumber += 1
        deliveries[lastNumber] = delivery
        messages.append((message, lastNumber))
    }

    mutating func interrupted(_ error: ProtonError) {
        // The peer sends again what was not settled, also what nobody has seen yet.
        messages = []
        deliveries = [:]
    }
}

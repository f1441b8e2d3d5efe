public import AMQP
import ProtonEngine
import ProtonUtilities

/// A sender whose `send` waits for the outcome; made by `BlockingConnection.createSender`.
///
/// From any thread; messages of several threads go out one after the other, and their outcomes are waited for at once.
public final class BlockingSender: Sendable {
    /// The connection that the link is on, which it keeps open.
    public let connection: BlockingConnection
    private let link: BlockingLink<Outbox>

    init(_ link: BlockingLink<Outbox>, _ connection: BlockingConnection) {
        (self.link, self.connection) = (link, connection)
    }

    /// The address of the node that messages go to, as the peer says it is.
    public var address: String? { link.state.withLock(\.address) }

    /// Sends a message, and waits for its outcome, for the connection's time-out at most.
    /// - Parameter errorStates: outcomes that are thrown as `SendError`. Default rejected and released.
    /// - Returns: the outcome; nil of a message that was sent settled (`.atMostOnce`), which has none.
    /// - Throws: as `send(_:timeout:errorStates:)`.
    @discardableResult
    public func send(_ message: Message, errorStates: OutcomeKinds = [.rejected, .released]) throws -> Outcome? {
        try send(message, timeout: connection.timeout, errorStates: errorStates)
    }

    /// Sends a message as soon as the peer gives credit, and waits for its outcome.
    ///
    /// Where it throws something else than `SendError` and `ProtonError.Code.inDoubt`, the message was not sent.
    /// - Parameters:
    ///   - timeout: how long that may take; nil is for ever.
    ///   - errorStates: outcomes that are thrown as `SendError`. Default rejected and released.
    /// - Returns: the outcome; nil of a message that was sent settled (`.atMostOnce`), which has none.
    /// - Throws: `SendError`; `ProtonError`: `.inDoubt` where the message was sent and its outcome did not come: in time, before
    ///   the link or the connection ended, or since the peer settled without one, `underlyingError` tells which; `.timedOut`
    ///   where no credit came in time; `.linkError` where the peer closes or detaches the link; `.disconnected` and the like
    ///   where the connection is lost for good; `.closed`; `.invalidArgument` for a time-out that is not above zero, and in
    ///   a callback of the same connection; `CodecError` where the message cannot be encoded.
    @discardableResult
    public func send(
        _ message: Message, timeout: Duration?, errorStates: OutcomeKinds = [.rejected, .released]
    ) throws -> Outcome? {
        switch try send(message, until: link.core.begin("send", timeout: timeout)) {
        case .sentSettled: return nil
        case .outcome(let outcome):
            if errorStates.contains(outcome) { throw SendError(outcome) }
            return outcome
        case .noOutcome, .notSent:
            throw ProtonError(
                .inDoubt,
                "\(link.title): the peer settled the message without an outcome: what became of it is in doubt.")
        }
    }

    /// Waits until the link is attached.
    func waitUntilAttached(until deadline: Deadline) throws {
        _ = try link.waitUntilAttached(until: deadline)
    }

    /// Sends a message, and waits until the peer has said what became of it.
    /// - Parameter losses: how often the connection has been lost where the message makes sense; nil is as often as it is.
    func send(_ message: Message, until deadline: Deadline, losses: Int? = nil) throws -> Outbox.Answer {
        let number = try link.state.withLock { state throws(ProtonError) in
            try state.check()
            return losses.map { $0 == state.losses } == false
                ? nil : state.traffic.add(message, survivesLoss: losses == nil)
        }
        guard let number else { return .notSent }
        defer { link.state.withLock { $0.traffic.forget(number) } }
        try link.postSendable()
        let result = try link.state.wait(until: deadline) { state throws(ProtonError) in
            if let result = state.traffic.result(of: number) { return result }
            try state.check()
            return nil
        }
        if let result { return try result.get() }
        throw link.state.withLock { $0.traffic.timeoutError(of: number, on: link.title) }
    }

    /// Closes the link, and waits until the peer has done so; sends of other threads end with `ProtonError.Code.closed`,
    /// or `.inDoubt` where the message was sent.
    /// - Throws: `ProtonError.Code.timedOut`; `.invalidArgument` in a callback of the same connection.
    public func close() throws {
        try link.close(until: link.core.begin("close", timeout: connection.timeout))
    }
}

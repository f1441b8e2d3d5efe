// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

/// A sender whose `send` blocks until the outcome is known; created by `BlockingConnection.createSender`.
///
/// It may be used from any thread; messages of several threads are sent one after the other, and wait for their outcomes
/// together.
public final class BlockingSender: Sendable {
    /// The connection that the link is on, which it keeps open.
    public let connection: BlockingConnection
    private let link: ClientLink
    private let outgoing: Outgoing

    init(_ link: ClientLink, _ outgoing: Outgoing, _ connection: BlockingConnection) {
        (self.link, self.outgoing, self.connection) = (link, outgoing, connection)
    }

    /// The address of the node that messages go to, from the peer's attach.
    public var address: String? { link.address }

    /// Sends a message, and waits for its outcome, for at most the connection's time-out.
    /// - Parameters:
    ///   - message: the message.
    ///   - errorStates: the outcomes that are thrown as `SendError`. Default rejected and released.
    /// - Returns: the outcome; nil for a message that was sent settled (`.atMostOnce`), which has none.
    /// - Throws: as `send(_:timeout:errorStates:)`.
    @discardableResult
    public func send(_ message: Message, errorStates: OutcomeKinds = [.rejected, .released]) throws -> Outcome? {
        try send(message, timeout: connection.timeout, errorStates: errorStates)
    }

    /// Sends a message when the peer gives credit, and waits for its outcome.
    ///
    /// After any error but `SendError` and `ProtonError.Code.inDoubt`, the message was not sent.
    /// - Parameters:
    ///   - message: the message.
    ///   - timeout: the time-out of the call; nil waits without limit.
    ///   - errorStates: the outcomes that are thrown as `SendError`. Default rejected and released.
    /// - Returns: the outcome; nil for a message that was sent settled (`.atMostOnce`), which has none.
    /// - Throws: `SendError`; `ProtonError`: `.inDoubt` if the message was sent and no outcome arrived: in time, before the link
    ///   or the connection ended, or since the peer settled without one; `underlyingError` has the reason. `.timedOut` if no
    ///   credit arrived in time; `.linkError` if the peer closes or detaches the link; `.disconnected` and others if the
    ///   connection is lost and not made again; `.closed`; `.invalidArgument` for a time-out that is not above zero, and in a
    ///   callback of the same connection; `CodecError` if the message cannot be encoded.
    @discardableResult
    public func send(
        _ message: Message, timeout: Duration?, errorStates: OutcomeKinds = [.rejected, .released]
    ) throws -> Outcome? {
        let outcome = try send(message, until: connection.begin("send", timeout: timeout))
        if let outcome, errorStates.contains(outcome) { throw SendError(outcome) }
        return outcome
    }

    /// Sends several messages together, and waits for all outcomes, for at most the connection's time-out.
    ///
    /// With one message at a time each call waits for a round trip; several messages share one.
    /// - Parameters:
    ///   - messages: the messages; they are held in memory until the peer gives credit.
    ///   - errorStates: the outcomes that are thrown as `SendError`. Default rejected and released.
    /// - Returns: the outcomes, in order; nil for a message that was sent settled.
    /// - Throws: as `send(_:timeout:errorStates:)`: the first error, when the results of all messages are known.
    @discardableResult
    public func send(
        contentsOf messages: some Sequence<Message>, errorStates: OutcomeKinds = [.rejected, .released]
    ) throws -> [Outcome?] {
        let deadline = try connection.begin("send", timeout: connection.timeout)
        let items = try messages.map { try Outgoing.Item($0, SendReceipt()) }
        try link.check()
        try tellDomain(of: outgoing.add(items))
        let results = items.map { item in
            Result {
                let outcome = try outcome(of: item.receipt, until: deadline)
                if let outcome, errorStates.contains(outcome) { throw SendError(outcome) }
                return outcome
            }
        }
        return try results.map { try $0.get() }
    }

    /// Waits until the link is attached.
    func waitUntilAttached(until deadline: Deadline) throws(ProtonError) {
        try link.waitUntilAttached(until: deadline)
    }

    /// Sends a message, and waits for its outcome.
    /// - Returns: the outcome; nil for a message that was sent settled.
    func send(_ message: Message, until deadline: Deadline) throws -> Outcome? {
        let receipt = SendReceipt()
        try submit(message, receipt)
        return try outcome(of: receipt, until: deadline)
    }

    /// Hands a message over, to be sent when there is credit.
    func submit(_ message: Message, _ receipt: SendReceipt) throws {
        try link.check()
        try tellDomain(of: outgoing.add(Outgoing.Item(message, receipt)))
    }

    private func tellDomain(of addition: Outgoing.Addition) throws(ProtonError) {
        // At most as many messages wait for credit as threads wait for their outcomes: there is no bound.
        switch addition {
        case .added(tellsDomain: true): link.post { [outgoing] link in outgoing.flow(link) }
        case .added(tellsDomain: false), .full: break
        case .ended(let error): throw error
        }
    }

    /// Waits for the outcome of a message.
    func outcome(of receipt: SendReceipt, until deadline: Deadline) throws -> Outcome? {
        switch receipt.result(until: deadline) ?? timeOut(receipt) {
        case .success(let outcome): return receipt.isSentSettled ? nil : outcome
        case .failure(let error): throw error.blockingError(on: link.title)
        }
    }

    /// The deadline has passed: withdraws the message, or leaves it in doubt.
    private func timeOut(_ receipt: SendReceipt) -> Result<Outcome, AMQPSendError> {
        let cause = ProtonError(.timedOut, "\(link.title): the peer has not said in time what became of the message.")
        if receipt.withdraw(cause) { outgoing.removeWithdrawn() }
        return receipt.decided ?? .failure(.inDoubt(cause))
    }

    /// Closes the link, and waits until the peer has closed it too.
    ///
    /// Calls of `send` on other threads end with `ProtonError.Code.closed`, or `.inDoubt` if the message was sent.
    /// - Throws: `ProtonError.Code.timedOut`; `.invalidArgument` in a callback of the same connection.
    public func close() throws {
        try link.close(until: connection.begin("close", timeout: connection.timeout))
    }
}

extension AMQPSendError {
    /// The error that a blocking call throws.
    fileprivate func blockingError(on title: String) -> any Error {
        switch self {
        case .refused(let outcome): SendError(outcome)
        case .notSent(let cause as ProtonError) where cause.code == .timedOut:
            ProtonError(.timedOut, "\(title): the peer gave no credit in time; the message was not sent.")
        case .notSent(let cause as ProtonError): cause.followed(by: "The message was not sent.", code: cause.code)
        case .notSent(let cause): cause
        case .inDoubt(let cause as ProtonError) where cause.code == .inDoubt:
            ProtonError(
                .inDoubt, "\(title): the peer settled the message without an outcome: what became of it is in doubt.")
        case .inDoubt(let cause as ProtonError):
            cause.followed(by: "The message was sent: what became of it is in doubt.", code: .inDoubt)
        case .inDoubt(let cause): cause
        }
    }
}

extension ProtonError {
    /// This error with an additional sentence, and a code.
    fileprivate func followed(by sentence: String, code: Code) -> ProtonError {
        let text = message.hasSuffix(".") ? message : "\(message)."
        return ProtonError(
            code, "\(text) \(sentence)", condition: condition,
            underlyingError: code == self.code ? underlyingError : self)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

/// A sender whose `send` waits for the outcome; made by `BlockingConnection.createSender`.
///
/// From any thread; messages of several threads go out one after the other, and their outcomes are waited for at once.
public final class BlockingSender: Sendable {
    /// The connection that the link is on, which it keeps open.
    public let connection: BlockingConnection
    private let link: ClientLink
    private let outgoing: Outgoing

    init(_ link: ClientLink, _ outgoing: Outgoing, _ connection: BlockingConnection) {
        (self.link, self.outgoing, self.connection) = (link, outgoing, connection)
    }

    /// The address of the node that messages go to, as the peer says it is.
    public var address: String? { link.address }

    /// Sends a message, and waits for its outcome, for the connection's time-out at most.
    /// - Parameters:
    ///   - message: what is sent.
    ///   - errorStates: outcomes that are thrown as `SendError`. Default rejected and released.
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
    ///   - message: what is sent.
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
        let outcome = try send(message, until: connection.begin("send", timeout: timeout))
        if let outcome, errorStates.contains(outcome) { throw SendError(outcome) }
        return outcome
    }

    /// Sends messages in one go, for the connection's time-out at most, and waits until the peer has said what became of each.
    ///
    /// One message at a time waits for the way to the peer and back each time; many share it.
    /// - Parameters:
    ///   - messages: all of them are held in memory until the peer gives credit.
    ///   - errorStates: outcomes that are thrown as `SendError`. Default rejected and released.
    /// - Returns: the outcomes, in order; nil of a message that was sent settled.
    /// - Throws: as `send(_:timeout:errorStates:)` does, the first error of them, once it is known what became of all.
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

    /// Sends a message, and waits until the peer has said what became of it.
    /// - Returns: the outcome; nil of a message that was sent settled.
    func send(_ message: Message, until deadline: Deadline) throws -> Outcome? {
        let receipt = SendReceipt()
        try submit(message, receipt)
        return try outcome(of: receipt, until: deadline)
    }

    /// Hands a message over, to be sent as soon as there is credit.
    func submit(_ message: Message, _ receipt: SendReceipt) throws {
        try link.check()
        try tellDomain(of: outgoing.add(Outgoing.Item(message, receipt)))
    }

    private func tellDomain(of addition: Outgoing.Addition) throws(ProtonError) {
        // As many wait for credit as there are threads that wait, each for what it was given: there is no bound.
        switch addition {
        case .added(tellsDomain: true): link.post { [outgoing] link in outgoing.flow(link) }
        case .added(tellsDomain: false), .full: break
        case .ended(let error): throw error
        }
    }

    /// Waits until the peer has said what became of a message.
    func outcome(of receipt: SendReceipt, until deadline: Deadline) throws -> Outcome? {
        switch receipt.result(until: deadline) ?? timeOut(receipt) {
        case .success(let outcome): return receipt.isSentSettled ? nil : outcome
        case .failure(let error): throw error.blockingError(on: link.title)
        }
    }

    /// The time is over: takes the message back, or leaves it to the peer.
    private func timeOut(_ receipt: SendReceipt) -> Result<Outcome, AMQPSendError> {
        let cause = ProtonError(.timedOut, "\(link.title): the peer has not said in time what became of the message.")
        if receipt.withdraw(cause) { outgoing.removeWithdrawn() }
        return receipt.decided ?? .failure(.inDoubt(cause))
    }

    /// Closes the link, and waits until the peer has done so; sends of other threads end with `ProtonError.Code.closed`,
    /// or `.inDoubt` where the message was sent.
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
    /// This error with one more sentence, and a code.
    fileprivate func followed(by sentence: String, code: Code) -> ProtonError {
        let text = message.hasSuffix(".") ? message : "\(message)."
        return ProtonError(
            code, "\(text) \(sentence)", condition: condition,
            underlyingError: code == self.code ? underlyingError : self)
    }
}

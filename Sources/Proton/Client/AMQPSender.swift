// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

/// A sending link of an `AMQPConnection`, for use from any task.
///
/// Messages are sent in the order in which they are handed over, as the peer gives credit. A limited number waits here for
/// credit; `send` and `submit` wait for room. A sender that is deinitialized is closed.
public final class AMQPSender: Sendable {
    /// How many messages and bytes may wait for credit.
    public struct Bounds: Sendable, Hashable {
        /// The maximum number of messages. Default 1,000.
        public var messages: Int
        /// The maximum number of bytes of encoded messages: a message is taken while less than that waits. Default 1 MiB.
        public var bytes: Int

        /// The default bounds.
        public static let `default` = Bounds()

        /// Creates bounds.
        public init(messages: Int = 1_000, bytes: Int = 1_048_576) {
            self.messages = max(1, messages)
            self.bytes = max(1, bytes)
        }
    }

    private let outgoing: Outgoing
    let link: ClientLink
    private let container: ContainerHandle
    /// The connection, which the sender keeps open; nil if the connection keeps the sender.
    private let connection: AMQPConnection?

    init(
        _ connection: AMQPConnection?, _ core: ClientConnection, _ container: ContainerHandle,
        _ session: ClientSession?, _ address: String?, _ option: LinkOption, _ bounds: Bounds
    ) {
        outgoing = Outgoing(Outgoing.Bounds(messages: bounds.messages, bytes: bounds.bytes))
        let title = "sender to \(address ?? "no address")"
        link = ClientLink(core, title, outgoing, as: .sender, address) { connection, handler in
            try connection.container.createSender(
                session?.session(on: connection) ?? core.session(on: connection), address, handler: handler,
                options: option)
        }
        self.container = container
        self.connection = connection
    }

    /// Creates the sender of a link on which the peer receives, and which the program has accepted.
    init(_ connection: AMQPConnection, _ answer: IncomingLink.Answer, _ bounds: Bounds) {
        outgoing = Outgoing(Outgoing.Bounds(messages: bounds.messages, bytes: bounds.bytes))
        link = ClientLink(answer, outgoing)
        container = connection.container
        self.connection = connection
    }

    deinit {
        link.beginClosing()
    }

    /// The address of the node, from the peer's attach; nil before the link is attached.
    public var address: String? { link.address }

    /// How many messages wait for credit.
    public var waitingCount: Int { outgoing.waitingCount }

    var hasEnded: Bool { outgoing.hasEnded }

    /// Starts to attach the link, and does not wait.
    func open() { link.open() }

    /// Attaches the link now, rather than with its first message.
    /// - Throws: `ProtonError`: `.linkError` with the peer's condition if it refuses the link; the error that ended the
    ///   connection; `CancellationError`.
    public func attach() async throws {
        try await link.waitUntilAttached()
    }

    // MARK: Sending

    /// Sends a message when the peer gives credit, and waits for its outcome.
    /// - Parameters:
    ///   - message: the message.
    ///   - timeout: the maximum time until the outcome; nil, the default, waits without limit.
    /// - Returns: accepted; if the link sends its messages settled, as soon as the message is sent.
    /// - Throws: `AMQPSendError`: `.notSent`, `.inDoubt` or `.refused`; after `.notSent` it is safe to send again.
    @discardableResult
    public func send(_ message: Message, timeout: Duration? = nil) async throws -> Outcome {
        let receipt = SendReceipt()
        let timer = try expiry(of: receipt, after: timeout)
        defer { timer?.cancel() }
        return try await send(message, receipt)
    }

    /// Sends a message with this body, as `send` of a message does.
    @discardableResult
    public func send(_ body: some AMQPValueConvertible, timeout: Duration? = nil) async throws -> Outcome {
        try await send(Message(body: body), timeout: timeout)
    }

    /// Sends a message whose body is the AMQP form of a value, as `send` of a message does.
    /// - Throws: `AMQPSendError`: also `.notSent` with an `EncodingError` if the value has no such form.
    @discardableResult
    public func send(encoding value: some Encodable, timeout: Duration? = nil) async throws -> Outcome {
        try await send(AMQPSender.message(encoding: value), timeout: timeout)
    }

    static func message(encoding value: some Encodable) throws(AMQPSendError) -> Message {
        do { return try Message(encoding: value) } catch { throw .notSent(error) }
    }

    /// Sends a message whose receipt may also be decided elsewhere.
    @discardableResult
    func send(
        _ message: Message, _ receipt: SendReceipt, state: DeliveryState? = nil
    ) async throws(AMQPSendError) -> Outcome {
        try await submit(message, receipt, state)
        switch await receipt.result(withdraws: true) {
        case .success(.accepted): return .accepted
        case .success(let outcome): throw .refused(outcome)
        case .failure(let error):
            passOnRoom(after: error)
            throw error
        }
    }

    /// Lets another message use the room of a message that was not sent.
    func passOnRoom(after error: AMQPSendError) {
        if case .notSent = error { outgoing.passOnRoom() }
    }

    /// Hands over a message whose receipt may also be decided elsewhere.
    func submit(_ message: Message, _ receipt: SendReceipt, _ state: DeliveryState? = nil) async throws(AMQPSendError) {
        try await submit(item(message, receipt, state))
    }

    /// Hands a message over, and waits only until there is room; the outcome can be awaited later, or not at all.
    /// - Throws: `AMQPSendError.notSent`.
    public func submit(_ message: Message) async throws -> SendReceipt {
        let receipt = SendReceipt()
        try await submit(message, receipt)
        return receipt
    }

    /// Hands several messages over at once, as `submit` does with one.
    /// - Returns: their receipts, in order.
    /// - Throws: `AMQPSendError.notSent`: then none of them is sent.
    public func submit(contentsOf messages: some Sequence<Message>) async throws -> [SendReceipt] {
        var items: [Outgoing.Item] = []
        for message in messages {
            items.append(try item(message, SendReceipt()))
        }
        do {
            while true {
                if try takes(outgoing.add(items)) { return items.map(\.receipt) }
                try await waitForRoom(nil)
            }
        } catch {
            for item in items { item.receipt.decide(.failure(error)) }
            throw error
        }
    }

    /// Hands a message over if there is room, and does not wait.
    /// - Returns: its receipt; nil if the bounds are reached.
    /// - Throws: `AMQPSendError.notSent`.
    public func trySend(_ message: Message) throws -> SendReceipt? {
        let receipt = SendReceipt()
        link.open()
        let item = try item(message, receipt)
        do {
            if try takes(outgoing.add(item)) { return receipt }
        } catch {
            receipt.decide(.failure(error))
            throw error
        }
        receipt.withdraw(ProtonError(.limitExceeded, "\(link.title): as many messages wait for credit as may."))
        return nil
    }

    private func submit(_ item: Outgoing.Item) async throws(AMQPSendError) {
        do {
            while true {
                if try takes(outgoing.add(item)) { return }
                try await waitForRoom(item.receipt)
            }
        } catch {
            item.receipt.decide(.failure(error))
            throw error
        }
    }

    private func waitForRoom(_ receipt: SendReceipt?) async throws(AMQPSendError) {
        link.open()
        if let end = await outgoing.waitForRoom(receipt) { throw .notSent(end) }
        do throws(AMQPSendError) {
            // Its time-out may have expired.
            if let decided = receipt?.decided { _ = try decided.get() }
            if Task.isCancelled { throw .notSent(CancellationError()) }
        } catch {
            outgoing.passOnRoom()
            throw error
        }
    }

    /// The time-out of a message has expired.
    func expire(_ receipt: SendReceipt, _ error: ProtonError) {
        receipt.expire(error)
        outgoing.endWaitForRoom(receipt)
    }

    /// - Returns: whether there was room.
    private func takes(_ addition: Outgoing.Addition) throws(AMQPSendError) -> Bool {
        switch addition {
        case .added(let tellsDomain):
            if tellsDomain {
                link.open()
                link.post { [outgoing] link in outgoing.flow(link) }
            }
            return true
        case .full: return false
        case .ended(let error): throw .notSent(error)
        }
    }

    /// The encoded message, after instruments have seen it.
    private func item(
        _ message: Message, _ receipt: SendReceipt, _ state: DeliveryState? = nil
    ) throws(AMQPSendError) -> Outgoing.Item {
        guard link.isObserved else {
            return try AMQPSender.encoded(message, receipt, state)
        }
        var message = message
        link.observe(&message, receipt)
        do {
            return try AMQPSender.encoded(message, receipt, state)
        } catch {
            receipt.decide(.failure(error))
            throw error
        }
    }

    private static func encoded(
        _ message: Message, _ receipt: SendReceipt, _ state: DeliveryState?
    ) throws(AMQPSendError) -> Outgoing.Item {
        do { return try Outgoing.Item(message, receipt, state: state) } catch { throw .notSent(error) }
    }

    private func expiry(of receipt: SendReceipt, after timeout: Duration?) throws(AMQPSendError) -> TimerTask? {
        guard let timeout else { return nil }
        guard timeout > .zero else {
            throw .notSent(
                ProtonError(.invalidArgument, "send: the time-out is \(timeout): it must be more than zero."))
        }
        do {
            return try container.schedule(after: timeout) { [self] _ in
                expire(
                    receipt, ProtonError(.timedOut, "\(link.title): the message had no outcome within \(timeout)."))
            }
        } catch {
            throw .notSent(error)
        }
    }

    /// Closes the link, and waits until the peer has closed it too, for `ConnectionLimits.closeTimeout` at most.
    ///
    /// Messages that wait for credit are not sent.
    public func close() async {
        await link.close()
    }
}

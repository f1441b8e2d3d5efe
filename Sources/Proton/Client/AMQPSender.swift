// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

/// A link that sends, of an `AMQPConnection`; from any task.
///
/// Messages go out in the order in which they are handed over, as the peer gives credit. A bounded number waits for that here;
/// `send` and `submit` wait for room. A sender that nobody keeps is closed.
public final class AMQPSender: Sendable {
    /// How much may wait for credit.
    public struct Bounds: Sendable, Hashable {
        /// How many messages. Default 1,000.
        public var messages: Int
        /// How many bytes of encoded messages: one message more is taken while less waits. Default 1 MiB.
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
    /// The connection, which the sender keeps open; nil of a sender that the connection keeps.
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

    /// A link that the peer receives on, and the program has accepted.
    init(_ connection: AMQPConnection, _ answer: IncomingLink.Answer, _ bounds: Bounds) {
        outgoing = Outgoing(Outgoing.Bounds(messages: bounds.messages, bytes: bounds.bytes))
        link = ClientLink(answer, outgoing)
        container = connection.container
        self.connection = connection
    }

    deinit {
        link.beginClosing()
    }

    /// The address of the node, as the peer says it is; nil before the link is attached.
    public var address: String? { link.address }

    /// How many messages wait for credit.
    public var waitingCount: Int { outgoing.waitingCount }

    var hasEnded: Bool { outgoing.hasEnded }

    /// Has the link attached, without waiting for that.
    func open() { link.open() }

    /// Attaches the link now rather than with its first message.
    /// - Throws: `ProtonError`: `.linkError` with the peer's condition where it refuses the link; what ended the connection;
    ///   `CancellationError`.
    public func attach() async throws {
        try await link.waitUntilAttached()
    }

    // MARK: Sending

    /// Sends a message as soon as the peer gives credit, and waits for its outcome.
    /// - Parameters:
    ///   - message: what is sent.
    ///   - timeout: how long that may take; nil, the default, is for ever.
    /// - Returns: accepted; of a link whose messages are sent settled once the message is sent.
    /// - Throws: `AMQPSendError`: `.notSent`, `.inDoubt` or `.refused`; where it is `.notSent` sending again is safe.
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
    /// - Throws: `AMQPSendError`: also `.notSent` with an `EncodingError` where the value has no such form.
    @discardableResult
    public func send(encoding value: some Encodable, timeout: Duration? = nil) async throws -> Outcome {
        try await send(AMQPSender.message(encoding: value), timeout: timeout)
    }

    static func message(encoding value: some Encodable) throws(AMQPSendError) -> Message {
        do { return try Message(encoding: value) } catch { throw .notSent(error) }
    }

    /// Sends a message whose receipt may come to its end by other means.
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

    /// A message that was not sent leaves its room to others.
    func passOnRoom(after error: AMQPSendError) {
        if case .notSent = error { outgoing.passOnRoom() }
    }

    /// Hands over a message whose receipt may come to its end by other means.
    func submit(_ message: Message, _ receipt: SendReceipt, _ state: DeliveryState? = nil) async throws(AMQPSendError) {
        try await submit(item(message, receipt, state))
    }

    /// Hands a message over, waiting for room only; its outcome can be waited for later, or not at all.
    /// - Throws: `AMQPSendError.notSent`.
    public func submit(_ message: Message) async throws -> SendReceipt {
        let receipt = SendReceipt()
        try await submit(message, receipt)
        return receipt
    }

    /// Hands messages over, as `submit` of one does, in one go.
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

    /// Hands a message over where there is room, without waiting.
    /// - Returns: its receipt; nil where as much waits for credit as may.
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
            // Its time may be up.
            if let decided = receipt?.decided { _ = try decided.get() }
            if Task.isCancelled { throw .notSent(CancellationError()) }
        } catch {
            outgoing.passOnRoom()
            throw error
        }
    }

    /// The time of a message is up.
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

    /// The message as it goes out, once instruments have seen it.
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

    /// Closes the link, and waits until the peer has done so, for `ConnectionLimits.closeTimeout` at most; what waits for credit is not sent.
    public func close() async {
        await link.close()
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

/// A connection of an `AMQPClient`, for use from any task.
///
/// If `ConnectionOptions.reconnect` allows it, a lost connection is made again and its links are restored. This happens to calls
/// that wait meanwhile:
///
/// | call or message | connection lost, to be made again | connection ended | the peer ended the link | the task is cancelled |
/// | --- | --- | --- | --- | --- |
/// | `send`, not sent yet | waits, and is sent then | `.notSent` | `.notSent` | `.notSent` |
/// | `send`, sent | `.inDoubt` | `.inDoubt` | `.inDoubt` | `.inDoubt` |
/// | a receiver's next message | waits; unsettled messages are delivered again | throws the connection's error | throws `.linkError` | the loop ends |
/// | messages that a receiver has not handed out | the peer delivers them again | the peer makes them available again | as before | stay |
/// | `accept` and the like | without effect: the message is delivered again | without effect | without effect | does not wait |
/// | `request` | `.notSent`, `.inDoubt`: the node of the responses is deleted | `.inDoubt` | `.inDoubt` | `.inDoubt`, `.notSent` |
/// | `request`, with the program's queue for responses | waits if the request has its outcome; before that, as `send` | `.inDoubt` | `.inDoubt` | `.inDoubt`, `.notSent` |
public final class AMQPConnection: Sendable {
    let core: ClientConnection
    let container: ContainerHandle
    private let requesters = UncheckedMutex<[String?: Requester]>([:])
    private let relays = UncheckedMutex<[String?: AMQPSender]>([:])

    init(_ core: ClientConnection, _ container: ContainerHandle) {
        (self.core, self.container) = (core, container)
    }

    deinit {
        core.beginClosing()
    }

    /// The URL of the connection: of several URLs the one that was connected to last.
    public var url: AMQPURL { core.url }

    /// The peer that opened the connection last; nil before that.
    public var peer: AMQPPeer? { core.peer }

    /// The events of the connection from now on; the sequence ends with the connection. It buffers the newest 64 events.
    public var events: AsyncStream<AMQPConnectionEvent> { core.events() }

    /// The executor of the connection's thread: a task that prefers it switches no threads for a message.
    ///
    /// Code that blocks there blocks the connection, and all other connections on its thread.
    public var taskExecutor: (any TaskExecutor)? { core.queue?.taskExecutor }

    // MARK: Links

    /// Creates a sender to an address; it is attached when it is first used.
    /// - Parameters:
    ///   - address: the address to send to; nil means that each message's own address counts (anonymous relay).
    ///   - session: the session of the link; nil, the default, is the session that links share.
    ///   - options: further options, which are set before the link is opened.
    ///   - bounds: how much may wait for credit before `submit` waits too.
    public func sender(
        to address: String?, on session: AMQPSession? = nil, options: [LinkOption] = [],
        bounds: AMQPSender.Bounds = .default
    ) -> AMQPSender {
        AMQPSender(self, core, container, session?.core, address, LinkOption(options), bounds)
    }

    /// Creates a receiver from an address; it is attached when it is first used.
    /// - Parameters:
    ///   - address: the address to receive from; nil has the peer create a node, whose address is then the receiver's.
    ///   - window: how many unsettled messages the peer may send; 0 leaves credit to `AMQPReceiver.grant`. Default 100.
    ///   - session: the session of the link; nil, the default, is the session that links share.
    ///   - options: further options, which are set before the link is opened.
    public func receiver(
        from address: String?, window: Int = 100, on session: AMQPSession? = nil, options: [LinkOption] = []
    ) -> AMQPReceiver {
        AMQPReceiver(self, session?.core, address, window: window, LinkOption(options))
    }

    /// Attaches a sender, runs the body with it, and closes it.
    /// - Throws: the errors of the body; `ProtonError.Code.linkError` if the peer refuses the link; the error that ended the
    ///   connection.
    @discardableResult
    public func withSender<Result>(
        to address: String?, on session: AMQPSession? = nil, options: [LinkOption] = [],
        bounds: AMQPSender.Bounds = .default, _ body: (AMQPSender) async throws -> Result
    ) async throws -> Result {
        let sender = sender(to: address, on: session, options: options, bounds: bounds)
        do {
            try await sender.attach()
            let result = try await body(sender)
            await sender.close()
            return result
        } catch {
            await sender.close()
            throw error
        }
    }

    /// Attaches a receiver, runs the body with it, and closes it: messages that the body has not settled return to the peer.
    /// - Throws: as `withSender`.
    @discardableResult
    public func withReceiver<Result>(
        from address: String?, window: Int = 100, on session: AMQPSession? = nil, options: [LinkOption] = [],
        _ body: (AMQPReceiver) async throws -> Result
    ) async throws -> Result {
        let receiver = receiver(from: address, window: window, on: session, options: options)
        do {
            try await receiver.attach()
            let result = try await body(receiver)
            await receiver.close()
            return result
        } catch {
            await receiver.close()
            throw error
        }
    }

    // MARK: One message

    /// Sends a message, and waits for its outcome; the sender is kept for the next message to the address.
    /// - Throws: as `AMQPSender.send`.
    @discardableResult
    public func send(_ message: Message, to address: String, timeout: Duration? = nil) async throws -> Outcome {
        try await keptSender(to: address).send(message, timeout: timeout)
    }

    /// Sends a message with this body, as `send` of a message does.
    @discardableResult
    public func send(
        _ body: some AMQPValueConvertible, to address: String, timeout: Duration? = nil
    ) async throws -> Outcome {
        try await send(Message(body: body), to: address, timeout: timeout)
    }

    /// Sends a message whose body is the AMQP form of a value, as `send` of a message does.
    /// - Throws: as `AMQPSender.send(encoding:)`.
    @discardableResult
    public func send(
        encoding value: some Encodable, to address: String, timeout: Duration? = nil
    ) async throws -> Outcome {
        try await send(AMQPSender.message(encoding: value), to: address, timeout: timeout)
    }

    /// How many senders to addresses are kept.
    private static let keptSenders = 256

    /// The sender to an address that `send` uses.
    func keptSender(to address: String?) -> AMQPSender {
        relays.withLock { relays in
            if let sender = relays[address], !sender.hasEnded { return sender }
            if relays.count >= AMQPConnection.keptSenders {
                relays = relays.filter { !$0.value.hasEnded }
                // Any other sender is dropped: it is created again when it is needed.
                if relays.count >= AMQPConnection.keptSenders, let key = relays.keys.first { relays[key] = nil }
            }
            let sender = AMQPSender(nil, core, container, nil, address, LinkOption([]), .default)
            relays[address] = sender
            return sender
        }
    }

    // MARK: Requests

    /// Sends a request, and waits for its response: many requests can be pending, with one node for all responses.
    ///
    /// The request gets a new id and a reply address, and its response is the message with that id as correlation id.
    /// - Parameters:
    ///   - message: the request.
    ///   - address: the address to send the request to.
    ///   - queue: the queue that responses arrive at. Only this program may use it, since any other message that arrives there is
    ///     accepted and dropped. It outlives a lost connection, and so do responses that arrive meanwhile. Nil, the default, has
    ///     the peer create a node for the connection (a dynamic source, AMQP 1.0, 3.5.3), which not all peers can.
    ///   - timeout: how long the response may take. Default 30 seconds.
    /// - Throws: `AMQPSendError`: `.notSent`, `.refused`, or `.inDoubt` if the request was sent and no response arrived.
    public func request(
        _ message: Message, to address: String, replyTo queue: String? = nil, timeout: Duration = .seconds(30)
    ) async throws -> Message {
        let sender = keptSender(to: address)
        return try await sender.link.request(message) {
            try await requester(queue).request(message, by: sender, timeout: timeout)
        }
    }

    /// The requester that waits for responses at a node.
    private func requester(_ queue: String?) -> Requester {
        requesters.withLock { requesters in
            if let requester = requesters[queue], !requester.hasEnded { return requester }
            let new = Requester(core, container, queue)
            requesters[queue] = new
            return new
        }
    }

    // MARK: Transactions

    /// Runs the body in a transaction, which is committed when the body returns, and aborted when it throws.
    ///
    /// Messages that are sent and settled with the argument of the body take effect together, or not at all.
    /// - Returns: the result of the body, when the peer has committed.
    /// - Throws: the error of the body, when the transaction is aborted; `ProtonError`: `.transactionFailed` if the peer did not
    ///   begin the transaction, or its work is undone: the connection or the link to the coordinator was lost, or the peer rolled
    ///   back; `.inDoubt` if the commit was sent and no answer arrived.
    @discardableResult
    public func withTransaction<Result>(_ body: (AMQPTransaction) async throws -> Result) async throws -> Result {
        let core = ClientTransaction()
        let id = try await core.begin(on: self.core)
        let result: Result
        do {
            result = try await body(AMQPTransaction(id, self))
        } catch {
            await core.abort(on: self.core)
            throw error
        }
        try await core.commit(on: self.core)
        return result
    }

    // MARK: Closing

    /// Closes the connection and its links, and waits until the peer has closed it too, for `ConnectionLimits.closeTimeout` at
    /// most.
    ///
    /// Settlements are sent first; messages that wait for credit are not sent. A connection that is deinitialized is closed too.
    public func close() async {
        core.beginClosing()
        await core.waitUntilEnded()
    }
}

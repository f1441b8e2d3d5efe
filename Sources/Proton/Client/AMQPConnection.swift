// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

/// A connection of an `AMQPClient`; from any task.
///
/// When it is lost it is made again, where `ConnectionOptions.reconnect` wants that, and its links are restored. What becomes of
/// what waits meanwhile:
///
/// | what | connection lost, to be made again | connection ended | the link's end by the peer | the task is cancelled |
/// | --- | --- | --- | --- | --- |
/// | `send`, not sent yet | waits, and is sent then | `.notSent` | `.notSent` | `.notSent` |
/// | `send`, sent | `.inDoubt` | `.inDoubt` | `.inDoubt` | `.inDoubt` |
/// | a receiver's next message | waits; what was not settled comes again | throws what ended it | throws `.linkError` | the loop ends |
/// | what a receiver has not handed out | comes again from the peer | is given back by the peer | as before | stays |
/// | `accept` and the like | without effect: the message comes again | without effect | without effect | does not wait |
/// | `request` | `.notSent`, `.inDoubt`: the node of the responses is gone | `.inDoubt` | `.inDoubt` | `.inDoubt`, `.notSent` |
/// | `request`, with a queue of the program's for responses | waits, once the request has its outcome; before as `send` | `.inDoubt` | `.inDoubt` | `.inDoubt`, `.notSent` |
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

    /// Where the connection goes to: of several URLs the one that it was made to last.
    public var url: AMQPURL { core.url }

    /// What is known of the peer that has opened the connection last.
    public var peer: AMQPPeer? { core.peer }

    /// What becomes of the connection from now on; it ends with the connection. The newest 64 are kept until they are taken.
    public var events: AsyncStream<AMQPConnectionEvent> { core.events() }

    /// The executor of the connection's thread: a task that prefers it pays no change of threads for a message.
    ///
    /// What blocks there blocks the connection, and with it all others of the process.
    public var taskExecutor: (any TaskExecutor)? { core.queue?.taskExecutor }

    // MARK: Links

    /// A sender to an address; it is attached when it is first used.
    /// - Parameters:
    ///   - address: the address to send to; nil is none, so that each message's own address counts (anonymous relay).
    ///   - session: the session for the link; nil, the default, is the one that links share.
    ///   - options: what else to set before the link is opened.
    ///   - bounds: how much may wait for credit before `submit` waits too.
    public func sender(
        to address: String?, on session: AMQPSession? = nil, options: [LinkOption] = [],
        bounds: AMQPSender.Bounds = .default
    ) -> AMQPSender {
        AMQPSender(self, core, container, session?.core, address, LinkOption(options), bounds)
    }

    /// A receiver from an address; it is attached when it is first used.
    /// - Parameters:
    ///   - address: the address to receive from; nil has the peer make a node, whose address is the receiver's.
    ///   - window: how many messages the peer may send ahead of their settlement; 0 leaves credit to `AMQPReceiver.grant`.
    ///     Default 100.
    ///   - session: the session for the link; nil, the default, is the one that links share.
    ///   - options: what else to set before the link is opened.
    public func receiver(
        from address: String?, window: Int = 100, on session: AMQPSession? = nil, options: [LinkOption] = []
    ) -> AMQPReceiver {
        AMQPReceiver(self, session?.core, address, window: window, LinkOption(options))
    }

    /// Attaches a sender, runs the body with it, and closes it.
    /// - Throws: what the body throws; `ProtonError.Code.linkError` where the peer refuses the link, or what ended the connection.
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

    /// Attaches a receiver, runs the body with it, and closes it: what the body has not settled goes back.
    /// - Throws: as `withSender`.
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

    /// Sends a message, and waits for its outcome; the sender to the address is kept for the next.
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
                // Any other goes: it is made again when it is needed.
                if relays.count >= AMQPConnection.keptSenders, let key = relays.keys.first { relays[key] = nil }
            }
            let sender = AMQPSender(nil, core, container, nil, address, LinkOption([]), .default)
            relays[address] = sender
            return sender
        }
    }

    // MARK: Requests

    /// Sends a request, and waits for its response: many at once, over one node for all responses.
    ///
    /// The request gets an id and a reply address of its own, and the response is the message whose correlation id is that.
    /// - Parameters:
    ///   - message: the request.
    ///   - address: where the request goes to.
    ///   - queue: where responses come to: a queue of this program's alone, since what else comes to it is taken and dropped.
    ///     It is there when the connection is made again, and so are responses that come meanwhile. Nil, the default, has
    ///     the peer make a node for the connection (a dynamic source, AMQP 1.0, 3.5.3), which not all can.
    ///   - timeout: how long the response may take. Default 30 seconds.
    /// - Throws: `AMQPSendError`: `.notSent`, `.refused`, or `.inDoubt` where the request was sent and no response came.
    public func request(
        _ message: Message, to address: String, replyTo queue: String? = nil, timeout: Duration = .seconds(30)
    ) async throws -> Message {
        let sender = keptSender(to: address)
        return try await sender.link.request(message) {
            try await requester(queue).request(message, by: sender, timeout: timeout)
        }
    }

    /// What waits for responses at a node.
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
    /// Messages are sent and settled in it by what the body is given: together, or not at all.
    /// - Returns: what the body returns, once the peer has committed.
    /// - Throws: what the body throws, once the transaction is aborted; `ProtonError`: `.transactionFailed` where the peer began
    ///   none, or what was done is undone: the connection or the link to its coordinator was lost, or the peer rolled back;
    ///   `.inDoubt` where the commit was asked for, and its answer did not come.
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

    /// Closes the connection and its links, and waits until the peer has closed it too, for
    /// `ConnectionLimits.closeTimeout` at most.
    ///
    /// What was settled goes out first; messages that wait for credit are not sent. A connection that nobody keeps is closed too.
    public func close() async {
        core.beginClosing()
        await core.waitUntilEnded()
    }
}

public import AMQP
import ProtonEngine

/// A connection whose operations wait until they are done: for scripts, tools, and code that has threads to block.
///
/// It may be used from any thread, and from several at once, but not from a task, whose thread must not block. The
/// connection runs on a thread of its own, so that heartbeats are sent and messages come in between calls.
/// Every call ends within its time-out, and at once where the connection or the link is lost or closed meanwhile.
///
/// A connection that is to one URL and that was given no options is not made again when it is lost; with several URLs or
/// with options of the program's own `ConnectionOptions.reconnect` decides. Links are then restored, and calls wait for
/// that; a message that was on its way when the connection was lost makes its `send` fail.
public final class BlockingConnection: Sendable {
    /// How long operations that are given no time-out of their own may take; nil is for ever.
    public let timeout: Duration?
    let core: BlockingCore

    /// Where the connection goes to: of several URLs the one that it was made to last.
    public var url: AMQPURL { core.url }

    /// Connects, and waits until the peer has opened the connection.
    /// - Parameters:
    ///   - url: where to, as in `amqp://user:password@host:port`, or just `host`.
    ///   - timeout: how long this and every other operation may take; nil is for ever. Default 60 seconds.
    ///   - options: how the connection is made. The default connects once; others that are given here, such as
    ///     `ConnectionOptions()`, make the connection again unless their `reconnect` is nil.
    /// - Throws: `AMQPURLError`, and `ProtonError`: `.connectFailed`, `.authenticationFailed`, `.connectionError` and the
    ///   like; `.timedOut`.
    public convenience init(
        _ url: String, timeout: Duration? = .seconds(60), options: ConnectionOptions = ConnectionOptions(reconnect: nil)
    ) throws {
        try self.init(Container.parse([url]), timeout, options)
    }

    /// Connects to a URL, as `init(_:timeout:options:)` of a text does.
    public convenience init(
        _ url: AMQPURL, timeout: Duration? = .seconds(60),
        options: ConnectionOptions = ConnectionOptions(reconnect: nil)
    ) throws {
        try self.init([url], timeout, options)
    }

    /// Connects to the first of several peers that can be reached, and again when the connection is lost.
    public convenience init(
        _ urls: [String], timeout: Duration? = .seconds(60), options: ConnectionOptions = ConnectionOptions()
    ) throws {
        try self.init(Container.parse(urls), timeout, options)
    }

    private init(_ urls: [AMQPURL], _ timeout: Duration?, _ options: ConnectionOptions) throws {
        self.timeout = timeout
        core = BlockingCore(urls[0])
        try core.start(urls, options)
        do {
            try core.waitUntilOpen(until: Deadline(after: timeout), urls[0].hostAndPort)
        } catch {
            core.shutDown()
            throw error
        }
    }

    deinit {
        core.shutDown()
    }

    // MARK: Links

    /// Makes a sender, and waits until the peer has attached it.
    /// - Parameters:
    ///   - address: the address to send to; nil is none, so that each message's own address counts (anonymous relay).
    ///   - handler: what is told of the link's events too, on the connection's thread. What it throws, as the default of
    ///     `onLinkError` does, ends the connection.
    ///   - name: the link's name; nil makes one that is unique.
    ///   - options: what else to set before the link is opened.
    /// - Throws: `ProtonError.Code.linkError` with the peer's condition where it refuses the link; `.timedOut`; `.closed`,
    ///   or what ended the connection.
    public func createSender(
        _ address: String?, handler: (any Handler & Sendable)? = nil, name: String? = nil, options: LinkOption...
    ) throws -> BlockingSender {
        let link = BlockingLink(core, "sender to \(address ?? "no address")", Outbox(), handler)
        try link.open(timeout: timeout) { connection, link in
            try connection.container.createSender(
                connection, address, name: name, handler: link.handler, options: LinkOption(options))
        }
        return BlockingSender(link, self)
    }

    /// Makes a receiver, and waits until the peer has attached it.
    /// - Parameters:
    ///   - address: the address to receive from.
    ///   - credit: how many messages may come before they are asked for by `receive`; 0 asks for each one when it is
    ///     wanted. Default 1.
    ///   - isDynamic: whether the peer makes a node for the link; its address is then the receiver's `address`.
    ///   - handler: what messages and the link's other events go to, on the connection's thread; `receive` and the like
    ///     are not for such a receiver. The handler's `HandlerOptions` count; `credit` is given once, where its `prefetch`
    ///     is 0. What it throws, as the default of `onLinkError` does, ends the connection.
    ///   - name: the link's name; nil makes one that is unique.
    ///   - options: what else to set before the link is opened.
    /// - Throws: as `createSender`; `ProtonError.Code.invalidArgument` for a credit below 0.
    public func createReceiver(
        _ address: String? = nil, credit: Int = 1, isDynamic: Bool = false, handler: (any Handler & Sendable)? = nil,
        name: String? = nil, options: LinkOption...
    ) throws -> BlockingReceiver {
        guard credit >= 0 else {
            throw ProtonError(.invalidArgument, "createReceiver: credit is \(credit): it must be at least 0.")
        }
        let node = address ?? (isDynamic ? "a dynamic node" : "no address")
        let link = BlockingLink(core, "receiver from \(node)", Inbox(window: credit), handler)
        try link.open(timeout: timeout) { connection, link in
            try connection.container.createReceiver(
                connection, address, name: name, isDynamic: isDynamic, handler: link.handler,
                options: LinkOption(options))
        }
        return BlockingReceiver(link, self)
    }

    // MARK: Closing

    /// Closes the connection, and waits until it is over; calls of other threads end with `ProtonError.Code.closed`.
    ///
    /// What was sent, accepted and the like before goes out first. Does nothing where the connection is over already.
    /// - Throws: `ProtonError.Code.timedOut` where the peer does not answer; the connection is dropped a second later.
    public func close() throws {
        try core.close(timeout: timeout)
    }
}

extension LinkOption {
    /// Several options as one.
    init(_ options: [LinkOption]) {
        self.init { link in for option in options { option.apply(to: link) } }
    }
}

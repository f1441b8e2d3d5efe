public import AMQP
public import Logging
import ProtonEngine
import ProtonUtilities

/// A connection whose operations wait until they are done: for scripts, tools, and code that has threads to block.
///
/// It may be used from any thread, and from several at once, but not from a task, whose thread must not block, and not in
/// callbacks of its own handlers, where calls that would wait throw. The connection runs on a thread of its own, so that
/// heartbeats are sent and messages come in between calls.
///
/// A connection that is to one URL and that was given no options is not made again when it is lost; with several URLs or
/// with options of the program's own `ConnectionOptions.reconnect` decides. Links are then restored.
///
/// Every call ends within its time-out. What becomes of one that waits:
///
/// | Call, and what it waits for | connection lost, to be made again | connection ended for good | the peer closes or detaches the link | time-out |
/// | --- | --- | --- | --- | --- |
/// | `createSender`, `createReceiver`: the peer's attach | waits for the new connection | throws what ended it | `.linkError` | `.timedOut`; the link is closed |
/// | `send`: credit | waits, and is sent on the new connection | throws what ended it: not sent | `.linkError`: not sent | `.timedOut`: not sent |
/// | `send`: the outcome | `.inDoubt` | `.inDoubt` | `.inDoubt` | `.inDoubt` |
/// | `receive`: a message | waits for the new connection | throws what ended it | `.linkError` | `.timedOut`; what comes later is kept for the next call |
/// | `accept`, `reject`, `release`, `settle` | done, without effect: the peer may send the message again | throws what ended it | `.linkError` | never wait |
/// | `SyncRequestResponse.call`: the response | `.inDoubt`: the node for responses is gone | throws what ended it | `.linkError` | `.timedOut` |
/// | `close` of a link | done | done | done | `.timedOut` |
/// | `close` of the connection | done | done | goes on | `.timedOut`; the connection is dropped a second later |
///
/// What ended a connection is `.disconnected`, `.connectionError`, `.sessionError` where the peer ends the session that all
/// links are on, `.authenticationFailed` and the like, or `.closed` where this side closed it. Once a link or a connection
/// has ended, each later call throws the same.
public final class BlockingConnection: Sendable {
    /// How long operations that are given no time-out of their own may take; nil is for ever.
    public let timeout: Duration?
    let core: BlockingCore

    /// Where the connection goes to: of several URLs the one that it was made to last.
    public var url: AMQPURL { core.url }

    /// Connects, and waits until the peer has opened the connection.
    /// - Parameters:
    ///   - url: where to, as in `amqp://user:password@host:port`, or just `host`.
    ///   - timeout: how long this and every other operation may take, above zero; nil is for ever. Default 60 seconds.
    ///   - options: how the connection is made. The default connects once; others that are given here, such as
    ///     `ConnectionOptions()`, make the connection again unless their `reconnect` is nil.
    ///   - logger: where losses that are made good go; default that of the label `proton`.
    /// - Throws: `AMQPURLError`, and `ProtonError`: `.connectFailed`, `.authenticationFailed`, `.connectionError` and the
    ///   like; `.timedOut`; `.invalidArgument` for options that make no sense, and for a time-out that is not above zero.
    public convenience init(
        _ url: String, timeout: Duration? = .seconds(60),
        options: ConnectionOptions = ConnectionOptions(reconnect: nil), logger: Logger = Logger(label: "proton")
    ) throws {
        try self.init(Container.parse([url]), timeout, options, logger)
    }

    /// Connects to a URL, as `init(_:timeout:options:)` of a text does.
    public convenience init(
        _ url: AMQPURL, timeout: Duration? = .seconds(60),
        options: ConnectionOptions = ConnectionOptions(reconnect: nil), logger: Logger = Logger(label: "proton")
    ) throws {
        try self.init([url], timeout, options, logger)
    }

    /// Connects to the first of several peers that can be reached, and again when the connection is lost.
    public convenience init(
        _ urls: [String], timeout: Duration? = .seconds(60), options: ConnectionOptions = ConnectionOptions(),
        logger: Logger = Logger(label: "proton")
    ) throws {
        try self.init(Container.parse(urls), timeout, options, logger)
    }

    private init(_ urls: [AMQPURL], _ timeout: Duration?, _ options: ConnectionOptions, _ logger: Logger) throws {
        let deadline = try Deadline(of: "BlockingConnection", after: timeout)
        self.timeout = timeout
        core = BlockingCore(urls[0])
        try core.start(urls, options, logger)
        do {
            try core.waitUntilOpen(until: deadline, urls[0].hostAndPort)
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
    ///   or what ended the connection; `.invalidArgument` in a callback of this connection.
    public func createSender(
        _ address: String?, handler: (any ProtonHandler & Sendable)? = nil, name: String? = nil, options: LinkOption...
    ) throws -> BlockingSender {
        let deadline = try core.begin("createSender", timeout: timeout)
        let link = BlockingLink(core, "sender to \(address ?? "no address")", Outbox(), handler)
        try link.open(until: deadline) { connection, link in
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
        _ address: String? = nil, credit: Int = 1, isDynamic: Bool = false,
        handler: (any ProtonHandler & Sendable)? = nil,
        name: String? = nil, options: LinkOption...
    ) throws -> BlockingReceiver {
        guard credit >= 0 else {
            throw ProtonError(.invalidArgument, "createReceiver: credit is \(credit): it must be at least 0.")
        }
        let deadline = try core.begin("createReceiver", timeout: timeout)
        let node = address ?? (isDynamic ? "a dynamic node" : "no address")
        let link = BlockingLink(core, "receiver from \(node)", Inbox(window: credit), handler)
        try link.open(until: deadline) { connection, link in
            try connection.container.createReceiver(
                connection, address, name: name, isDynamic: isDynamic, handler: link.handler,
                options: LinkOption(options))
        }
        return BlockingReceiver(link, self)
    }

    // MARK: Closing

    /// Closes the connection, and waits until it has ended; calls of other threads end with `ProtonError.Code.closed`, or
    /// `.inDoubt` where they wait for an outcome.
    ///
    /// What was sent, accepted and the like before goes out first. Does nothing where the connection has ended already.
    /// - Throws: `ProtonError.Code.timedOut` where the peer does not answer; the connection is dropped a second later;
    ///   `.invalidArgument` in a callback of this connection.
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

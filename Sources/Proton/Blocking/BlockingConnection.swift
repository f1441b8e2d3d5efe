// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

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
/// What ended a connection is `.disconnected`, `.connectionError`, `.authenticationFailed` and the like, or `.closed` where
/// this side closed it. Once a link or a connection has ended, each later call throws the same. Where the peer ends the
/// session that all links are on, they end with `.sessionError`; links that are made then are on a new one.
public final class BlockingConnection: Sendable {
    /// How long operations that are given no time-out of their own may take; nil is for ever.
    public let timeout: Duration?
    let core: ClientConnection
    private let thread: ContainerThread

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
        let container = try Container(options: options, logger: logger)
        let core = ClientConnection(
            urls[0], container.handle, closeTimeout: options.limits.closeTimeout, logger, logged: .firstTry)
        (self.timeout, self.core) = (timeout, core)
        thread = try ContainerThread(container) { result in core.end(BlockingConnection.reason(result)) }
        try core.start(urls, options)
        // It ends with the connection: nothing else keeps it.
        thread.letGo()
        do {
            try core.waitUntilOpen(until: deadline)
        } catch {
            shutDown()
            throw error
        }
    }

    deinit {
        shutDown()
    }

    var container: ContainerHandle { thread.container }

    /// Closes the connection without waiting for its end; the peer has a second to answer.
    private func shutDown() {
        core.beginClosing()
        container.stop(grace: .seconds(1))
    }

    /// Why the connection has ended, where nothing else has said so: what a handler of a link threw.
    private static func reason(_ result: Result<Void, any Error>) -> ProtonError {
        switch result {
        case .success: ProtonError(.closed, "The connection has ended.")
        case .failure(let error): error as? ProtonError ?? ProtonError(.closed, "\(error)", underlyingError: error)
        }
    }

    /// Begins a call that waits.
    /// - Parameter call: the call's name, for errors.
    /// - Returns: when the call has to end.
    /// - Throws: `ProtonError.Code.invalidArgument` for a time-out that makes no sense, and on the connection's own thread:
    ///   while that waits, nothing can come.
    func begin(_ call: String, timeout: Duration?, allowsZero: Bool = false) throws(ProtonError) -> Deadline {
        guard !container.core.loop.isOnItsThread else {
            throw ProtonError(
                .invalidArgument,
                "\(call) was called in a callback of its own connection, which would wait for itself: "
                    + "call it on another thread.")
        }
        return try Deadline(of: call, after: timeout, allowsZero: allowsZero)
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
        let deadline = try begin("createSender", timeout: timeout)
        let outgoing = Outgoing(.none)
        let title = "sender to \(address ?? "no address")"
        let link = ClientLink(core, title, outgoing, isBlocking: true, as: .sender, address) { connection, own in
            try connection.container.createSender(
                connection, address, name: name, handler: handler.map { Accompanied($0, by: own) } ?? own,
                options: LinkOption(options))
        }
        try link.attach(until: deadline)
        return BlockingSender(link, outgoing, self)
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
        let deadline = try begin("createReceiver", timeout: timeout)
        let title = "receiver from \(address ?? (isDynamic ? "a dynamic node" : "no address"))"
        let incoming = handler == nil ? Incoming(window: credit, title: title, room: .uponReceipt) : nil
        let traffic: any LinkTraffic = incoming ?? HandlerTraffic(credit: credit)
        let link = ClientLink(core, title, traffic, isBlocking: true, as: .receiver, address) { connection, own in
            try connection.container.createReceiver(
                connection, address, name: name, isDynamic: isDynamic,
                handler: handler.map { Accompanied($0, by: own) } ?? own, options: LinkOption(options))
        }
        try link.attach(until: deadline)
        return BlockingReceiver(link, incoming, self)
    }

    // MARK: Closing

    /// Closes the connection, and waits until it has ended; calls of other threads end with `ProtonError.Code.closed`, or
    /// `.inDoubt` where they wait for an outcome.
    ///
    /// What was sent, accepted and the like before goes out first. Does nothing where the connection has ended already.
    /// - Throws: `ProtonError.Code.timedOut` where the peer does not answer; the connection is dropped a second later;
    ///   `.invalidArgument` in a callback of this connection.
    public func close() throws {
        let deadline = try begin("close", timeout: timeout)
        core.beginClosing()
        // The container drops a connection whose peer does not answer, when this call has given it up.
        container.stop(grace: min(timeout ?? .seconds(1_000_000_000), .seconds(1_000_000_000)) + .seconds(1))
        // What a handler of a link threw the calls have thrown.
        guard thread.wait(until: deadline) != nil else {
            throw ProtonError(.timedOut, "The peer has not closed the connection in time.")
        }
    }
}

extension ClientLink {
    /// Waits until the peer has attached the link, which is closed where it does not.
    ///
    /// Where the peer has ended it since, that is for the call which finds it so.
    func attach(until deadline: Deadline) throws(ProtonError) {
        do {
            try waitUntilAttached(until: deadline)
        } catch {
            if wasAttached, error.code != .timedOut { return }
            beginClosing()
            throw error
        }
    }
}

extension LinkOption {
    /// Several options as one.
    init(_ options: [LinkOption]) {
        self.init { link in for option in options { option.apply(to: link) } }
    }
}

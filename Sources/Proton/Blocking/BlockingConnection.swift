// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import Logging
import ProtonEngine
import ProtonUtilities

/// A connection whose operations block until they are complete: for scripts, tools, and code that can block its threads.
///
/// It may be used from any thread, and from several at once, but not from a task, whose thread must not block, and not in
/// callbacks of its own handlers, where calls that would wait throw. The connection has its own thread, so that heartbeats are
/// sent and messages arrive between calls.
///
/// A connection to one URL without options is not made again after a loss; with several URLs, or with options,
/// `ConnectionOptions.reconnect` decides. Links are then restored.
///
/// Every call ends within its time-out. This happens to calls that wait:
///
/// | Call, and what it waits for | connection lost, to be made again | connection ended | the peer closes or detaches the link | time-out |
/// | --- | --- | --- | --- | --- |
/// | `createSender`, `createReceiver`: the peer's attach | waits for the new connection | throws the connection's error | `.linkError` | `.timedOut`; the link is closed |
/// | `send`: credit | waits, and is sent on the new connection | throws the connection's error: not sent | `.linkError`: not sent | `.timedOut`: not sent |
/// | `send`: the outcome | `.inDoubt` | `.inDoubt` | `.inDoubt` | `.inDoubt` |
/// | `receive`: a message | waits for the new connection | throws the connection's error | `.linkError` | `.timedOut`; a later message is kept for the next call |
/// | `accept`, `reject`, `release`, `settle` | return, without effect: the peer may send the message again | throws the connection's error | `.linkError` | never wait |
/// | `SyncRequestResponse.call`: the response | `.inDoubt`: the node for responses is deleted | throws the connection's error | `.linkError` | `.timedOut` |
/// | `close` of a link | returns | returns | returns | `.timedOut` |
/// | `close` of the connection | returns | returns | continues | `.timedOut`; the connection is aborted a second later |
///
/// The error of a connection is `.disconnected`, `.connectionError`, `.authenticationFailed` or the like, or `.closed` if this
/// side closed it. When a link or a connection has ended, each later call throws the same error. If the peer ends the session
/// that all links share, they end with `.sessionError`; links that are created then use a new session.
public final class BlockingConnection: Sendable {
    /// The default time-out of operations; nil waits without limit.
    public let timeout: Duration?
    let core: ClientConnection
    private let thread: ContainerThread

    /// The URL of the connection: of several URLs the one that was connected to last.
    public var url: AMQPURL { core.url }

    /// Connects, and waits until the peer has opened the connection.
    /// - Parameters:
    ///   - url: the peer's URL, such as `amqp://user:password@host:port` or just `host`.
    ///   - timeout: the time-out of this and every other operation, above zero; nil waits without limit. Default 60 seconds.
    ///   - options: how the connection is made. The default connects once; options that are passed here, such as
    ///     `ConnectionOptions()`, make the connection again unless their `reconnect` is nil.
    ///   - logger: the logger for losses that are recovered; by default one with the label `proton`.
    /// - Throws: `AMQPURLError`, and `ProtonError`: `.connectFailed`, `.authenticationFailed`, `.connectionError` and others;
    ///   `.timedOut`; `.invalidArgument` for invalid options, and for a time-out that is not above zero.
    public convenience init(
        _ url: String, timeout: Duration? = .seconds(60),
        options: ConnectionOptions = ConnectionOptions(reconnect: nil), logger: Logger = Logger(label: "proton")
    ) throws {
        try self.init(Container.parse([url]), timeout, options, logger)
    }

    /// Connects to a URL, as `init(_:timeout:options:)` does with a string.
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
        // The container ends with the connection.
        thread.releaseContainer()
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

    /// Closes the connection, and does not wait for its end; the peer has one second to answer.
    private func shutDown() {
        core.beginClosing()
        container.stop(grace: .seconds(1))
    }

    /// The error of a connection that ended without one: usually the error that a link's handler threw.
    private static func reason(_ result: Result<Void, any Error>) -> ProtonError {
        switch result {
        case .success: ProtonError(.closed, "The connection has ended.")
        case .failure(let error): error as? ProtonError ?? ProtonError(.closed, "\(error)", underlyingError: error)
        }
    }

    /// Begins a call that waits.
    /// - Parameter call: the call's name, for errors.
    /// - Returns: the deadline of the call.
    /// - Throws: `ProtonError.Code.invalidArgument` for an invalid time-out, and on the connection's own thread: while that
    ///   thread waits, nothing can arrive.
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

    /// Creates a sender, and waits until the peer has attached it.
    /// - Parameters:
    ///   - address: the address to send to; nil means that each message's own address counts (anonymous relay).
    ///   - handler: a handler that also receives the link's events, on the connection's thread. An error that it throws, as the
    ///     default of `onLinkError` does, ends the connection.
    ///   - name: the link's name; nil generates a unique one.
    ///   - options: further options, which are set before the link is opened.
    /// - Throws: `ProtonError.Code.linkError` with the peer's condition if it refuses the link; `.timedOut`; `.closed`, or the
    ///   error that ended the connection; `.invalidArgument` in a callback of this connection.
    public func createSender(
        _ address: String?, handler: (any ProtonHandler & Sendable)? = nil, name: String? = nil, options: LinkOption...
    ) throws -> BlockingSender {
        let deadline = try begin("createSender", timeout: timeout)
        let outgoing = Outgoing(.none)
        let title = "sender to \(address ?? "no address")"
        let link = ClientLink(core, title, outgoing, isBlocking: true, as: .sender, address) { connection, own in
            try connection.container.createSender(
                connection, address, name: name, handler: handler.map { CombinedHandler($0, by: own) } ?? own,
                options: LinkOption(options))
        }
        try link.attach(until: deadline)
        return BlockingSender(link, outgoing, self)
    }

    /// Creates a receiver, and waits until the peer has attached it.
    /// - Parameters:
    ///   - address: the address to receive from.
    ///   - credit: how many messages may arrive before `receive` asks for them; 0 gives credit for each call of `receive`.
    ///     Default 1.
    ///   - isDynamic: whether the peer creates a node for the link; its address is then the receiver's `address`.
    ///   - handler: the handler of messages and of the link's other events, on the connection's thread; `receive` and the
    ///     functions that settle cannot be used then. The handler's `HandlerOptions` apply; `credit` is given once if its
    ///     `prefetch` is 0. An error that it throws, as the default of `onLinkError` does, ends the connection.
    ///   - name: the link's name; nil generates a unique one.
    ///   - options: further options, which are set before the link is opened.
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
                handler: handler.map { CombinedHandler($0, by: own) } ?? own, options: LinkOption(options))
        }
        try link.attach(until: deadline)
        return BlockingReceiver(link, incoming, self)
    }

    // MARK: Closing

    /// Closes the connection, and waits until it has ended.
    ///
    /// Messages and settlements are sent first. Calls of other threads end with `ProtonError.Code.closed`, or `.inDoubt` if they
    /// wait for an outcome. Does nothing if the connection has ended already.
    /// - Throws: `ProtonError.Code.timedOut` if the peer does not answer; the connection is aborted a second later;
    ///   `.invalidArgument` in a callback of this connection.
    public func close() throws {
        let deadline = try begin("close", timeout: timeout)
        core.beginClosing()
        // If the peer does not answer, the container aborts the connection after this call has timed out.
        container.stop(grace: min(timeout ?? .seconds(1_000_000_000), .seconds(1_000_000_000)) + .seconds(1))
        // An error of a link's handler was thrown by the calls on the connection.
        guard thread.wait(until: deadline) != nil else {
            throw ProtonError(.timedOut, "The peer has not closed the connection in time.")
        }
    }
}

extension ClientLink {
    /// Waits until the peer has attached the link, and closes the link if it does not.
    ///
    /// If the peer has ended the link since then, the next call reports it.
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
    /// Combines several options.
    init(_ options: [LinkOption]) {
        self.init { link in for option in options { option.apply(to: link) } }
    }
}

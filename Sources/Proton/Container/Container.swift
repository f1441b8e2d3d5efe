// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import Glibc
public import Logging
public import ProtonEngine
import ProtonUtilities

/// An AMQP container: connections, listeners and timers, and the loop that tells handlers of their events.
///
/// A container with one thread may be used from the thread that runs it, callbacks included, and before it runs from
/// the thread that made it. With several threads (`run(threads:handler:)`) it may be used from every callback.
/// From other threads use a connection's `workQueue` for what is to be done with it, and the container's `handle` for the
/// rest. A `ContainerThread` runs it in the background.
public final class Container {
    /// The name of this container to its peers, unique among them (AMQP 1.0, 2.7.1). Default a random UUID.
    public var id: String { core.id }
    /// How connections are made where `connect` is given no options.
    public var connectionOptions: ConnectionOptions { core.options }

    let core: ContainerCore
    /// Whether callbacks are made by several threads.
    let sharing = UncheckedMutex(Sharing.undecided(unshared: nil))
    /// The container's handlers.
    private(set) var pipeline: HandlerPipeline
    /// Whether this is what the program made, rather than what stands for it once it is gone.
    private let isOwner: Bool

    /// Creates a container.
    /// - Parameters:
    ///   - handlers: what its events go to, each in turn.
    ///   - id: the container's name to its peers; nil makes a random one.
    ///   - options: how connections are made and taken.
    ///   - clock: what timers go by; nil, the default, is the system's clock.
    ///   - logger: where to write what nobody handles; default that of the label `proton`.
    /// - Throws: `ProtonError.Code.invalidArgument` for options, also of handlers, that make no sense.
    public convenience init(
        _ handlers: any ProtonHandler..., id: String? = nil, options: ConnectionOptions = ConnectionOptions(),
        clock: (any ContainerClock)? = nil, logger: Logger = Logger(label: "proton")
    ) throws {
        try self.init(handlers, id, options, logger, Loop(clock: clock))
    }

    init(
        _ handlers: [any ProtonHandler], _ id: String?, _ options: ConnectionOptions, _ logger: Logger,
        _ loop: @autoclosure () throws -> Loop
    ) throws {
        try options.validate()
        pipeline = try HandlerPipeline(checking: handlers)
        core = ContainerCore(
            id: id, options: options, logger: logger, loop: try loop())
        isOwner = true
        core.bind(self)
    }

    /// What stands for a container that the program has let go of: it has ended.
    init(ended core: ContainerCore) {
        self.core = core
        pipeline = HandlerPipeline([])
        isOwner = false
    }

    deinit {
        if isOwner { core.loop.abandon() }
    }

    var loop: Loop { core.loop }
    /// Where to write what nobody handles: errors of peers' connections, and connections that are tried again.
    public var logger: Logger { core.logger }

    // MARK: Running

    /// Runs the loop on this thread until nothing is left: no connection, no listener and no timer.
    ///
    /// Blocks: call it from a thread of the program's own, such as the main one, and not from a task.
    /// - Parameter signals: signals that stop the container as `stop()` does; the second one ends the process.
    /// - Throws: what a callback throws, and errors of connections that no handler takes care of.
    public func run(stoppingOn signals: StopSignal...) throws {
        try run(threads: 1, stoppingOn: signals)
    }

    /// Runs the loop on several threads until nothing is left.
    ///
    /// A connection's callbacks are made one at a time, those of different connections at the same time. A connection
    /// that a callback made is handed to the loop when the callback returns: set its links up before. What is handed to
    /// the container is `Sendable`, or made for one connection by a closure that is: `listen(_:handler:)`,
    /// `connect(_:options:makeHandler:)`, `schedule(after:) { container in … }`.
    /// - Parameters:
    ///   - threads: how many, at least 1; this thread is one of them.
    ///   - handler: what is told of events; the container has no handlers of its own. With several threads it has none
    ///     below it either, since those need not be `Sendable`.
    ///   - signals: signals that stop the container as `stop()` does.
    /// - Throws: as `run(stoppingOn:)`; `ProtonError.Code.invalidArgument` where the container has handlers of its own, or was
    ///   given what only one thread may use.
    public func run(
        threads: Int, handler: any ProtonHandler & Sendable, stoppingOn signals: StopSignal...
    ) throws {
        try run(threads: threads, handler: handler, stoppingOn: signals)
    }

    func run(threads: Int, handler: any ProtonHandler & Sendable, stoppingOn signals: [StopSignal]) throws {
        guard threads >= 1 else {
            throw ProtonError(.invalidArgument, "run(threads: \(threads)): at least one thread is needed.")
        }
        guard pipeline.handler == nil else {
            throw ProtonError(
                .invalidArgument,
                "run(threads:handler:) wants all callbacks made by its own handler: make the container without one.")
        }
        guard threads == 1 || handler.handlers.isEmpty else {
            throw ProtonError(
                .invalidArgument,
                "run(threads: \(threads)) wants a handler without handlers below it, which need not be Sendable.")
        }
        pipeline = try HandlerPipeline(checking: [handler])
        try run(threads: threads, stoppingOn: signals)
    }

    func run(threads: Int, stoppingOn signals: [StopSignal]) throws {
        try decideSharing(threads)
        let watch = signals.isEmpty ? nil : SignalWatch(signals) { [loop] in loop.post { loop.stop() } }
        defer { watch?.cancel() }
        let event = ContainerEvent(container: self)
        defer { withExtendedLifetime(self) {} }
        try loop.asItsThread {
            var hasStarted = false
            try loop.run(threads: threads) {
                hasStarted = true
                try tellStart()
            }
            if hasStarted { try pipeline.end(event) }
        }
    }

    /// Tells the handlers that the container starts.
    func tellStart() throws {
        try pipeline.start(ContainerEvent(container: self))
    }

    /// Closes all listeners and connections; `run()` returns when they are closed, at most `grace` later.
    ///
    /// Where the container does not run yet, `run()` will return at once, and make no callback of a start or an end.
    /// - Parameters:
    ///   - condition: the error condition to close connections with; nil closes them without one.
    ///   - grace: how long peers may take to close their side. Default 5 seconds.
    public func stop(_ condition: Condition? = nil, grace: Duration = .seconds(5)) {
        loop.stop(condition, grace: grace)
    }

    /// Whether the container is being stopped, or has ended.
    public var isStopping: Bool { loop.isStopping }

    // MARK: Connecting and listening

    /// Connects to a peer, and opens the connection.
    ///
    /// The connection is made when the current callback returns; what becomes of it arrives as events.
    /// - Parameters:
    ///   - url: where to, as in `amqp://user:password@host:port`, or just `host`.
    ///   - handler: what is told of the connection's events, in place of the container's handlers.
    ///   - options: nil is `connectionOptions`.
    /// - Throws: `AMQPURLError`; `ProtonError.Code.invalidArgument` for options that make no sense, for files of `tls`
    ///   that cannot be read, for `tls` with a URL in the clear, and for a handler where there are several threads: these use `makeHandler`; `.closed` where the
    ///   container is stopping.
    @discardableResult
    public func connect(
        _ url: String, handler: (any ProtonHandler)? = nil, options: ConnectionOptions? = nil
    ) throws -> Connection {
        try connect(AMQPURL(url), handler: handler, options: options)
    }

    /// Connects to a peer, and opens the connection, as `connect(_:handler:options:)` of a text does.
    @discardableResult
    public func connect(
        _ url: AMQPURL, handler: (any ProtonHandler)? = nil, options: ConnectionOptions? = nil
    ) throws -> Connection {
        try connect([url], handler: handler, options: options)
    }

    /// Connects to the first of several peers that can be reached, as `connect(_:handler:options:)` does to one.
    ///
    /// After a loss the connection is made again, to the first that can be reached then.
    @discardableResult
    public func connect(
        _ urls: [String], handler: (any ProtonHandler)? = nil, options: ConnectionOptions? = nil
    ) throws -> Connection {
        try connect(Container.parse(urls), handler: handler, options: options)
    }

    /// Connects to the first of several peers that can be reached, as `connect(_:handler:options:)` of texts does.
    @discardableResult
    public func connect(
        _ urls: [AMQPURL], handler: (any ProtonHandler)? = nil, options: ConnectionOptions? = nil
    ) throws -> Connection {
        if let handler { try requireOneThread(for: handler, "use connect(_:options:makeHandler:)") }
        return try connect(urls, pipeline: eventHandler(handler), options: options)
    }

    func connect(_ urls: [AMQPURL], pipeline: HandlerPipeline, options: ConnectionOptions?) throws -> Connection {
        let options = options ?? connectionOptions
        try options.validate()
        try options.check(urls)
        options.warn(of: urls, in: logger)
        try options.checkLogin(at: urls)
        let context = ConnectionContext(core, Reconnection(urls, options))
        let connection = Connection(limits: options.limits, owner: context, eventHandler: pipeline)
        connection.containerID = options.containerID ?? id
        options.apply(to: connection)
        connection.open()
        try loop.connect(connection)
        return connection
    }

    /// Connects to the peer that the file `connect.json` names.
    ///
    /// It is the file that the environment variable `MESSAGING_CONNECT_FILE` names, or else the first that there is of
    /// `./connect.json`, `~/.config/messaging/connect.json` and `/etc/messaging/connect.json`. Its keys: `scheme` (the
    /// default is `amqps`), `host`, `port`, `user`, `password`, `sasl.enabled`, `sasl.mechanisms`, `sasl.allow_insecure`,
    /// `tls.ca`, `tls.cert`, `tls.key`, `tls.verify`.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file and the key that is wrong; as
    ///   `connect(_:handler:options:)` does.
    @discardableResult
    public func connect(handler: (any ProtonHandler)? = nil, options: ConnectionOptions? = nil) throws -> Connection {
        try connect(configuredBy: ConnectFile.find(), handler: handler, options: options)
    }

    /// Connects to the peer that a file names.
    @discardableResult
    func connect(configuredBy path: String, handler: (any ProtonHandler)?, options: ConnectionOptions?) throws
        -> Connection
    {
        let file = try ConnectFile(path: path)
        if !file.unknownKeys.isEmpty {
            logger.warning("\(path): these keys mean nothing here: \(file.unknownKeys.joined(separator: ", "))")
        }
        return try connect(file.url, handler: handler, options: file.complete(options ?? connectionOptions))
    }

    /// The peers that a connection can be made to.
    static func parse(_ texts: [String]) throws -> [AMQPURL] {
        let urls = try texts.map { try AMQPURL($0) }
        guard !urls.isEmpty else { throw ProtonError(.invalidArgument, "To connect at least one URL is needed.") }
        return urls
    }

    /// Listens for connections; they are told to the container's handlers.
    /// - Parameters:
    ///   - url: where, as in `localhost:5672`; port 0 is a free one, see `Listener.port`.
    ///   - options: how connections are taken; nil is `connectionOptions`.
    ///   - tls: how TLS is spoken, for a URL that begins with `amqps:`, which needs it.
    ///   - maxConnections: how many connections there may be at once, at least 1; those that come then are closed with
    ///     `amqp:resource-limit-exceeded`, or dropped where many come. Nil, the default, leaves that to the limit of
    ///     open files (RLIMIT_NOFILE): none is taken where the process would have less than an eighth of it, and 24, free.
    ///   - backlog: how many connections may wait to be accepted. Default 4,096, but at most a 32nd of the limit of
    ///     open files.
    ///   - handler: makes the handler of each connection, in its domain; nil is the container's handlers.
    /// - Throws: `ProtonError.Code.listenFailed` where the port is in use or not allowed; `.invalidArgument` for options that
    ///   make no sense, a certificate that cannot be read or used, and `amqps` without `tls` or the reverse; `AMQPURLError`.
    @discardableResult
    public func listen(
        _ url: String, options: ConnectionOptions? = nil, tls: TLSServerOptions? = nil, maxConnections: Int? = nil,
        backlog: Int32 = 4_096, handler: (@Sendable () -> sending any ProtonHandler)? = nil
    ) throws -> Listener {
        let options = options ?? connectionOptions
        try options.validate()
        if let maxConnections, maxConnections < 1 {
            throw ProtonError(.invalidArgument, "maxConnections is \(maxConnections): it must be at least 1.")
        }
        let url = try AMQPURL(url)
        let security = try ListenerSecurity(tls, of: url, core.logger)
        let listener = Listener(address: url.hostAndPort, maxConnections: maxConnections)
        try loop.listen(listener, backlog: backlog) { [core] listener in
            let container = core.container
            let connection = container.makeIncomingConnection(options)
            switch connection.takePlace(of: listener) {
            case .served: connection.eventHandler = try container.eventHandler(handler?())
            case .refused(let reason?): core.logger.warning("\(listener.requestedAddress): \(reason)")
            case .refused(nil): break
            }
            let transport = options.serverTransport(isLoopback: listener.isLoopback)
            return (connection, try security.securing(transport))
        }
        return listener
    }

    /// A handler of a connection's own, or else the container's.
    func eventHandler(_ handler: (any ProtonHandler)?) throws(ProtonError) -> HandlerPipeline {
        guard let handler else { return pipeline }
        return try HandlerPipeline(checking: [handler])
    }

    // MARK: Links

    /// Makes a sender, and opens it.
    /// - Parameters:
    ///   - context: the connection, whose own session is used, or the session.
    ///   - target: the address to send to; nil is none, so that each message's own address counts (anonymous relay).
    ///   - source: the address that messages come from.
    ///   - name: the link's name; nil makes one that is unique.
    ///   - handler: what is told of the link's events, in place of the connection's handler.
    ///   - options: what else to set before the link is opened.
    /// - Throws: `ProtonError.Code.closed` where the connection is over.
    @discardableResult
    public func createSender(
        _ context: some SessionProvider, _ target: String?, source: String? = nil, name: String? = nil,
        handler: (any ProtonHandler)? = nil, options: LinkOption...
    ) throws -> Sender {
        try open(source: source, target: target, handler, options) {
            try context.session().makeSender(name: name ?? uniqueName(source, target))
        }
    }

    /// Connects, and makes a sender to the address that is the URL's path; without a path to none.
    @discardableResult
    public func createSender(
        _ url: String, name: String? = nil, handler: (any ProtonHandler)? = nil, options: LinkOption...
    ) throws -> Sender {
        let url = try AMQPURL(url)
        return try open(source: nil, target: url.path, handler, options) {
            try connect(url).session().makeSender(name: name ?? uniqueName(nil, url.path))
        }
    }

    /// Makes a receiver, and opens it.
    /// - Parameters:
    ///   - context: the connection, whose own session is used, or the session.
    ///   - source: the address to receive from.
    ///   - target: the address that messages go to.
    ///   - name: the link's name; nil makes one that is unique.
    ///   - isDynamic: whether the peer makes a node for the link; its address is then `remoteSource.address`.
    ///   - handler: what is told of the link's events, in place of the connection's handler.
    ///   - options: what else to set before the link is opened.
    /// - Throws: `ProtonError.Code.closed` where the connection is over.
    @discardableResult
    public func createReceiver(
        _ context: some SessionProvider, _ source: String? = nil, target: String? = nil, name: String? = nil,
        isDynamic: Bool = false, handler: (any ProtonHandler)? = nil, options: LinkOption...
    ) throws -> Receiver {
        try open(source: source, target: target, handler, options) {
            let receiver = try context.session().makeReceiver(name: name ?? uniqueName(source, target))
            if isDynamic { receiver.source.isDynamic = true }
            return receiver
        }
    }

    /// Connects, and makes a receiver from the address that is the URL's path; without a path from none.
    @discardableResult
    public func createReceiver(
        _ url: String, name: String? = nil, handler: (any ProtonHandler)? = nil, options: LinkOption...
    ) throws -> Receiver {
        let url = try AMQPURL(url)
        return try open(source: url.path, target: nil, handler, options) {
            try connect(url).session().makeReceiver(name: name ?? uniqueName(url.path, nil))
        }
    }

    private func open<Kind: Link>(
        source: String?, target: String?, _ handler: (any ProtonHandler)?, _ options: [LinkOption],
        _ make: () throws -> Kind
    ) throws -> Kind {
        let pipeline = try handler.map { try HandlerPipeline(checking: [$0]) }
        let link = try make()
        if let source { link.source.address = source }
        if let target { link.target.address = target }
        if let pipeline { link.eventHandler = pipeline }
        for option in options { option.apply(to: link) }
        link.open()
        return link
    }

    /// A name that no other link of this container has.
    func uniqueName(_ source: String?, _ target: String?) -> String {
        core.uniqueLinkName(for: source ?? target)
    }
}

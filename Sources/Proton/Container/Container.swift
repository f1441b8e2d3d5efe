// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import Glibc
public import Logging
public import ProtonEngine
import ProtonUtilities

/// An AMQP container: connections, listeners and timers, and the loop that calls handlers with their events.
///
/// A container with one thread may be used from the thread that runs it, also in callbacks, and before it runs from the thread
/// that created it. With several threads (`run(threads:handler:)`) it may be used from every callback. Other threads use a
/// connection's `workQueue` for work on that connection, and the container's `handle` for other work. A `ContainerThread` runs it
/// in the background.
public final class Container {
    /// The name of this container to its peers, unique among them (AMQP 1.0, 2.7.1). Default a random UUID.
    public var id: String { core.id }
    /// The options of connections for which `connect` is given none.
    public var connectionOptions: ConnectionOptions { core.options }

    let core: ContainerCore
    /// Whether several threads make callbacks.
    let sharing = UncheckedMutex(Sharing.undecided(unshared: nil))
    /// The container's handlers.
    private(set) var pipeline: HandlerPipeline
    /// Whether this is the program's container, rather than a substitute after that was deinitialized.
    private let isOwner: Bool

    /// Creates a container.
    /// - Parameters:
    ///   - handlers: the handlers that receive its events, in order.
    ///   - id: the container's name for its peers; nil generates a random one.
    ///   - options: how connections are made and accepted.
    ///   - clock: the clock of timers; nil, the default, is the system's clock.
    ///   - logger: the logger for errors that no handler handles; by default one with the label `proton`.
    /// - Throws: `ProtonError.Code.invalidArgument` for invalid options, also of handlers.
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

    /// Creates the substitute for a container that the program has released: it has ended.
    init(ended core: ContainerCore) {
        self.core = core
        pipeline = HandlerPipeline([])
        isOwner = false
    }

    deinit {
        if isOwner { core.loop.abandon() }
    }

    var loop: Loop { core.loop }
    /// The logger for errors that no handler handles: of connections that peers made, and of connections that are made again.
    public var logger: Logger { core.logger }

    // MARK: Running

    /// Runs the loop on this thread until nothing is left: no connection, no listener and no timer.
    ///
    /// Blocks: call it from a thread that may block, such as the main thread, and not from a task.
    /// - Parameter signals: signals that stop the container as `stop()` does; the second one ends the process.
    /// - Throws: the errors of callbacks, and errors of connections that no handler handles.
    public func run(stoppingOn signals: StopSignal...) throws {
        try run(threads: 1, stoppingOn: signals)
    }

    /// Runs the loop on several threads until nothing is left.
    ///
    /// The callbacks of one connection are made one at a time, those of different connections in parallel. A connection that a
    /// callback made is handed to the loop when the callback returns: create its links before. Arguments that are passed to the
    /// container are `Sendable`, or made for one connection by a `Sendable` closure: `listen(_:handler:)`,
    /// `connect(_:options:makeHandler:)`, `schedule(after:) { container in … }`.
    /// - Parameters:
    ///   - threads: the number of threads, at least 1; this thread is one of them.
    ///   - handler: the handler of all events; the container must have no handlers of its own. With several threads the handler
    ///     must have no `handlers` of its own either, since those need not be `Sendable`.
    ///   - signals: signals that stop the container as `stop()` does.
    /// - Throws: as `run(stoppingOn:)`; `ProtonError.Code.invalidArgument` if the container has handlers of its own, or was given
    ///   an argument that only one thread may use.
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

    /// Calls the handlers' `onStart`.
    func tellStart() throws {
        try pipeline.start(ContainerEvent(container: self))
    }

    /// Closes all listeners and connections; `run()` returns when they are closed, at most `grace` later.
    ///
    /// If the container does not run yet, `run()` will return at once, without the callbacks of a start and an end.
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
    /// The connection is made when the current callback returns; its events report success or failure.
    /// - Parameters:
    ///   - url: the peer's URL, such as `amqp://user:password@host:port` or just `host`.
    ///   - handler: the handler of the connection's events, in place of the container's handlers.
    ///   - options: nil is `connectionOptions`.
    /// - Throws: `AMQPURLError`; `ProtonError.Code.invalidArgument` for invalid options, for files of `tls` that cannot be read,
    ///   for `tls` with a URL without TLS, and for a handler if there are several threads, which use `makeHandler`; `.closed` if
    ///   the container is stopping.
    @discardableResult
    public func connect(
        _ url: String, handler: (any ProtonHandler)? = nil, options: ConnectionOptions? = nil
    ) throws -> Connection {
        try connect(AMQPURL(url), handler: handler, options: options)
    }

    /// Connects to a peer, and opens the connection, as `connect(_:handler:options:)` does with a string.
    @discardableResult
    public func connect(
        _ url: AMQPURL, handler: (any ProtonHandler)? = nil, options: ConnectionOptions? = nil
    ) throws -> Connection {
        try connect([url], handler: handler, options: options)
    }

    /// Connects to the first of several peers that can be reached, as `connect(_:handler:options:)` does to one.
    ///
    /// After a loss the connection is made again, to the first peer that can then be reached.
    @discardableResult
    public func connect(
        _ urls: [String], handler: (any ProtonHandler)? = nil, options: ConnectionOptions? = nil
    ) throws -> Connection {
        try connect(Container.parse(urls), handler: handler, options: options)
    }

    /// Connects to the first of several peers that can be reached, as `connect(_:handler:options:)` does with strings.
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
    /// It is the file that the environment variable `MESSAGING_CONNECT_FILE` names, or else the first existing file of
    /// `./connect.json`, `~/.config/messaging/connect.json` and `/etc/messaging/connect.json`. Its keys: `scheme` (the default is
    /// `amqps`), `host`, `port`, `user`, `password`, `sasl.enabled`, `sasl.mechanisms`, `sasl.allow_insecure`, `tls.ca`,
    /// `tls.cert`, `tls.key`, `tls.verify`.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file and the wrong key; as `connect(_:handler:options:)`.
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

    /// The URLs of strings, at least one.
    static func parse(_ texts: [String]) throws -> [AMQPURL] {
        let urls = try texts.map { try AMQPURL($0) }
        guard !urls.isEmpty else { throw ProtonError(.invalidArgument, "To connect at least one URL is needed.") }
        return urls
    }

    /// Listens for connections, whose events go to the container's handlers.
    /// - Parameters:
    ///   - url: the address, such as `localhost:5672`; port 0 is a free port, see `Listener.port`.
    ///   - options: the options of accepted connections; nil is `connectionOptions`.
    ///   - tls: the TLS options, which a URL that begins with `amqps:` needs.
    ///   - maxConnections: the maximum number of connections, at least 1; further connections are closed with
    ///     `amqp:resource-limit-exceeded`, or dropped if there are many. Nil, the default, uses the limit of open files
    ///     (RLIMIT_NOFILE): no connection is accepted that would leave less than an eighth of it, and 24, free.
    ///   - backlog: how many connections may wait to be accepted. Default 4,096, but at most a 32nd of the limit of open files.
    ///   - handler: creates the handler of each connection, in its domain; nil uses the container's handlers.
    /// - Throws: `ProtonError.Code.listenFailed` if the port is in use or not allowed; `.invalidArgument` for invalid options,
    ///   for a certificate that cannot be read or used, and for `amqps` without `tls` or the reverse; `AMQPURLError`.
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
            switch connection.admit(by: listener) {
            case .served: connection.eventHandler = try container.eventHandler(handler?())
            case .refused(let reason?): core.logger.warning("\(listener.requestedAddress): \(reason)")
            case .refused(nil): break
            }
            let transport = options.serverTransport(isLoopback: listener.isLoopback)
            return (connection, try security.securing(transport))
        }
        return listener
    }

    /// The pipeline of a connection's own handler, or else that of the container.
    func eventHandler(_ handler: (any ProtonHandler)?) throws(ProtonError) -> HandlerPipeline {
        guard let handler else { return pipeline }
        return try HandlerPipeline(checking: [handler])
    }

    // MARK: Links

    /// Creates a sender, and opens it.
    /// - Parameters:
    ///   - context: the session of the link, or a connection, whose default session is used.
    ///   - target: the address to send to; nil means that each message's own address counts (anonymous relay).
    ///   - source: the address that messages come from.
    ///   - name: the link's name; nil generates a unique one.
    ///   - handler: the handler of the link's events, in place of the connection's handler.
    ///   - options: further options, which are set before the link is opened.
    /// - Throws: `ProtonError.Code.closed` if the connection is closed.
    @discardableResult
    public func createSender(
        _ context: some SessionProvider, _ target: String?, source: String? = nil, name: String? = nil,
        handler: (any ProtonHandler)? = nil, options: LinkOption...
    ) throws -> Sender {
        try open(source: source, target: target, handler, options) {
            try context.session().makeSender(name: name ?? uniqueName(source, target))
        }
    }

    /// Connects, and creates a sender to the address that is the URL's path; without a path it has no address.
    @discardableResult
    public func createSender(
        _ url: String, name: String? = nil, handler: (any ProtonHandler)? = nil, options: LinkOption...
    ) throws -> Sender {
        let url = try AMQPURL(url)
        return try open(source: nil, target: url.path, handler, options) {
            try connect(url).session().makeSender(name: name ?? uniqueName(nil, url.path))
        }
    }

    /// Creates a receiver, and opens it.
    /// - Parameters:
    ///   - context: the session of the link, or a connection, whose default session is used.
    ///   - source: the address to receive from.
    ///   - target: the address that messages go to.
    ///   - name: the link's name; nil generates a unique one.
    ///   - isDynamic: whether the peer creates a node for the link; its address is then `remoteSource.address`.
    ///   - handler: the handler of the link's events, in place of the connection's handler.
    ///   - options: further options, which are set before the link is opened.
    /// - Throws: `ProtonError.Code.closed` if the connection is closed.
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

    /// Connects, and creates a receiver from the address that is the URL's path; without a path it has no address.
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

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Logging
public import Proton
import ProtonUtilities
import Synchronization

/// A message broker: queues and topics, competing consumers, selectors, browsers, transactions.
///
/// As a program it runs on the calling thread; in a test one line starts it, on its own thread:
///
///     let broker = try Broker.start()
///     defer { broker.stop() }
///     try Container(HelloWorld("localhost:\(broker.port)", "examples")).run()
///
/// A message is accepted when it is in its queue, and is forwarded with the bytes that arrived. Messages are kept in memory, and,
/// if `BrokerOptions.store` is set, durable ones on disk as well. Messages that a consumer releases, or has not settled when it
/// detaches, return to their place in the queue; their delivery count is raised if the delivery failed or the connection was
/// lost. Messages that it rejects are dropped, or go to `BrokerOptions.deadLetterAddress`. The members may be used from any
/// thread.
public final class Broker: Sendable {
    /// The address that it listens on, such as `127.0.0.1:5672`, or `amqps://127.0.0.1:5671` with TLS.
    public let address: String
    /// The port that it listens on, also if port 0 was requested.
    public let port: Int

    /// All addresses that it listens on, in the form of `address`.
    public let addresses: [String]

    // `run` uses it on its threads, once; `stop` and the timer only make calls that any thread may make, under the loop's lock.
    private nonisolated(unsafe) let container: Container
    private let context: BrokerContext
    /// Nil if the options set no interval for metrics.
    private let metrics: BrokerMetrics?
    private let grace: Duration
    private let life = Life()

    /// Creates a broker that listens at once, and serves its peers when it runs.
    /// - Parameters:
    ///   - addresses: the addresses to listen on, such as `localhost:5672`, or `amqps://localhost` for TLS with
    ///     `BrokerOptions.tls`; port 0 is a free port, see `port`. Without addresses it is `localhost:5672`.
    ///   - options: the broker's options.
    ///   - clock: the clock of times to live, delays and timers; nil, the default, is the system's clock.
    /// - Throws: `ProtonError.Code.listenFailed` if a port is in use or not allowed, `.invalidArgument` for invalid options;
    ///   `AMQPURLError` for an invalid address; the error of a store that cannot be read.
    public convenience init(
        _ addresses: String..., options: BrokerOptions = BrokerOptions(), clock: (any ContainerClock)? = nil
    ) throws {
        try self.init(addresses: addresses, options: options, clock: clock)
    }

    /// Creates a broker, as the other initializer does, with addresses in an array.
    public init(
        addresses urls: [String], options: BrokerOptions = BrokerOptions(), clock: (any ContainerClock)? = nil
    ) throws {
        try options.validate()
        let queueClock = QueueClock(clock)
        let limitLog = BrokerContext.limitLog(options, queueClock)
        container = try Container(
            id: options.containerID, options: options.connection, clock: clock,
            logger: options.logger ?? Logger(label: "proton"))
        context = try BrokerContext(options, clock: queueClock, limitLog: limitLog)
        grace = options.stopGrace
        let users = options.guardedUsers(queueClock, limitLog)
        let exposure: Exposure
        do {
            let listeners = try (urls.isEmpty ? ["localhost:5672"] : urls).map {
                [container, context] address in
                try Broker.listen(on: address, container, context, users)
            }
            addresses = listeners.map(\.url)
            (address, port) = (listeners[0].url, listeners[0].port)
            exposure = Exposure(
                listeners: listeners.map { Exposure.Listener(address: $0.bound, hasTLS: $0.hasTLS) },
                hasUsers: options.hasUsers, anonymous: options.anonymousPeers)
        } catch {
            try? options.store?.close()
            throw error
        }
        metrics = context.useTimers(of: container, name: address)
        if let warning = exposure.warning { context.logger.warning("\(warning)") }
    }

    deinit { context.end() }

    private static func listen(
        on address: String, _ container: Container, _ context: BrokerContext, _ users: GuardedUsers?
    ) throws -> Bound {
        let (url, options) = (try AMQPURL(address), context.options)
        let hasTLS = url.scheme == .amqps
        let isLoopback = url.host == "localhost" || PeerHost(url.hostAndPort)?.isLoopback ?? false
        guard !hasTLS || options.tls != nil else { throw missingCertificate(url) }
        let listener = try container.listen(
            address, options: options.connectionOptions(users, isExposed: !isLoopback),
            tls: hasTLS ? options.tls : nil, maxConnections: options.maxConnections
        ) {
            ConnectionHandler(context)
        }
        guard let bound = listener.addresses.first, let port = listener.port else {
            throw ProtonError(.listenFailed, "Cannot listen on \(address): no address was bound.")
        }
        return Bound(bound: bound, port: port, hasTLS: hasTLS)
    }

    /// A socket that the broker listens on.
    private struct Bound {
        /// The address and the port.
        let bound: String
        let port: Int
        let hasTLS: Bool

        /// The URL for clients.
        var url: String { hasTLS ? "amqps://\(bound)" : bound }
    }

    /// Starts a broker on its own thread.
    /// - Parameters:
    ///   - address: the address to listen on; default a free port of the loopback interface.
    ///   - options: the broker's options.
    ///   - clock: the clock of times to live, delays and timers; nil, the default, is the system's clock.
    /// - Returns: the broker, which listens and serves until it is stopped.
    /// - Throws: as `init`; `ProtonError.Code.limitExceeded` if the system has no thread left.
    public static func start(
        _ address: String = "127.0.0.1:0", options: BrokerOptions = BrokerOptions(),
        clock: (any ContainerClock)? = nil
    ) throws -> Broker {
        let broker = try Broker(address, options: options, clock: clock)
        // From here on `stop` waits for the thread, also if it does not run yet.
        broker.life.begin()
        guard let thread = Thread.start({ try? broker.run() }) else {
            broker.life.end()
            throw ProtonError(
                .limitExceeded, "No thread can be started for the broker: is a limit of the system reached?")
        }
        thread.detach()
        return broker
    }

    /// Serves peers on this thread until the broker is stopped.
    /// - Parameters:
    ///   - stopsOnSignals: whether SIGINT and SIGTERM stop it. Default false.
    ///   - started: called on this thread when the signals are watched: the place to report that the broker is ready.
    /// - Throws: `ProtonError.Code.closed` if it has run before; the error that ended it, if that was not `stop`.
    public func run(stopsOnSignals: Bool = false, started: () -> Void = {}) throws {
        life.begin()
        defer { life.end() }
        let watch = stopsOnSignals ? SignalWatch([.interrupt, .terminate]) { [self] in close() } : nil
        defer { watch?.cancel() }
        started()
        metrics?.start()
        do {
            try container.run(threads: context.options.threads, handler: Idle())
        } catch {
            try? context.options.store?.close()
            throw error
        }
        try context.options.store?.close()
    }

    /// Stops a running broker: closes the listeners and all connections, and waits until it has ended.
    ///
    /// Connections are closed with `amqp:connection:forced`, so that no peer takes this for a normal end. Peers have
    /// `BrokerOptions.stopGrace` to close their side. Messages that are not in a store are lost. A second call does nothing.
    /// - Returns: whether the broker has ended; false only if its thread is blocked for more than a second beyond the grace
    ///   period.
    @discardableResult
    public func stop() -> Bool {
        close()
        return life.waitForEnd(atMost: grace + .seconds(1))
    }

    // MARK: Status

    /// The current queues, connections and counts of the broker.
    public var status: BrokerStatus { context.status }

    /// Waits until the broker's status meets a condition, such as a number of messages in a queue; it is checked after each
    /// change.
    /// - Parameters:
    ///   - limit: the maximum time to wait; by default 10 seconds.
    ///   - condition: the condition; called at least once.
    @discardableResult
    public func wait(
        atMost limit: Duration = .seconds(10), until condition: @escaping @Sendable (BrokerStatus) -> Bool
    ) async throws -> BrokerStatus {
        try await context.wait(atMost: limit, until: condition)
    }

    // MARK: Rules

    /// Replaces the rules; nil allows every admitted peer everything.
    ///
    /// They apply to links that are attached, and to messages that are sent to the anonymous relay, from now on; links that are
    /// attached already are not checked again.
    public func setRules(_ rules: AccessRules?) {
        context.rules.replace(with: rules)
        context.logger.notice("new rules hold for links that are attached from now on")
    }

    // MARK: The end

    /// Closes the listeners and all connections.
    private func close() {
        context.logger.debug("closes all connections: it ends")
        container.stop(Condition(.connectionForced, "The broker is shutting down."), grace: grace)
    }
}

/// The handler of the container, which does nothing: each connection has its own handler.
private final class Idle: ProtonHandler, Sendable {}

/// Whether a broker runs or has ended, for threads that wait for it.
private final class Life: Sendable {
    private enum Phase {
        case new, running, ended
    }

    private let phase = Mutex(Phase.new)
    // Signalled when the broker has ended, and again by each thread that has waited for it.
    private let ended = DispatchSemaphore(value: 0)

    func begin() {
        phase.withLock { if $0 == .new { $0 = .running } }
    }

    func end() {
        phase.withLock { $0 = .ended }
        ended.signal()
    }

    /// - Returns: whether it has ended, or never began.
    func waitForEnd(atMost limit: Duration) -> Bool {
        if phase.withLock({ $0 == .new }) { return true }
        let deadline = DispatchTime.now() + .milliseconds(Int(clamping: limit.milliseconds))
        guard ended.wait(timeout: deadline) == .success else { return false }
        ended.signal()
        return true
    }
}

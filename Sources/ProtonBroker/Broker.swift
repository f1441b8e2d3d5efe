// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Logging
public import Proton
import ProtonUtilities
import Synchronization

/// A message broker: queues and topics, competing consumers, selectors, browsers, transactions.
///
/// As a program it runs on the calling thread; in a test it starts in one line, on a thread of its own:
///
///     let broker = try Broker.start()
///     defer { broker.stop() }
///     try Container(HelloWorld("localhost:\(broker.port)", "examples")).run()
///
/// Messages are accepted once they are in their queue, and forwarded as the bytes that came. They are kept in memory, and
/// where `BrokerOptions.store` is set the durable ones on disk as well. What a consumer releases, or had when it went,
/// goes back to its old place in the queue, with its delivery count raised where the delivery failed or the peer vanished.
/// What it rejects is dropped, or goes to `BrokerOptions.deadLetterAddress`. Its members may be used from any thread.
public final class Broker: Sendable {
    /// What is listened on, as in `127.0.0.1:5672`, or `amqps://127.0.0.1:5671` with TLS.
    public let address: String
    /// The port that is listened on, also where port 0 was asked for.
    public let port: Int

    /// What is listened on, as with `address`, each of several.
    public let addresses: [String]

    // `run` uses it on its threads, once; `stop` and the timer make the calls that any thread may make, under the loop's
    // lock.
    private nonisolated(unsafe) let container: Container
    private let context: BrokerContext
    /// Nil where nobody wants any.
    private let metrics: BrokerMetrics?
    private let grace: Duration
    private let life = Life()

    /// Creates a broker that listens from now on, and serves its peers once it runs.
    /// - Parameters:
    ///   - addresses: where to listen, as in `localhost:5672`, or `amqps://localhost` for TLS by `BrokerOptions.tls`; port 0
    ///     is a free one, see `port`. None is `localhost:5672`.
    ///   - options: how peers are treated.
    ///   - clock: what times to live, delays and timers go by; nil, the default, is the system's clock.
    /// - Throws: `ProtonError.Code.listenFailed` where a port is in use or not allowed, `.invalidArgument` for options
    ///   that make no sense; `AMQPURLError` for an address that is none; what the store throws that cannot be read.
    public convenience init(
        _ addresses: String..., options: BrokerOptions = BrokerOptions(), clock: (any ContainerClock)? = nil
    ) throws {
        try self.init(addresses: addresses, options: options, clock: clock)
    }

    /// The same, of addresses that a program has as an array.
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

    /// A socket that is listened on.
    private struct Bound {
        /// The address and the port.
        let bound: String
        let port: Int
        let hasTLS: Bool

        /// What a client connects to.
        var url: String { hasTLS ? "amqps://\(bound)" : bound }
    }

    /// Starts a broker on a thread of its own.
    /// - Parameters:
    ///   - address: where to listen; default a free port of this machine's loopback.
    ///   - options: how peers are treated.
    ///   - clock: what its times go by; nil, the default, is the system's clock.
    /// - Returns: the broker, which listens and serves until it is stopped.
    /// - Throws: as `init`; `ProtonError.Code.limitExceeded` where the system has no thread left.
    public static func start(
        _ address: String = "127.0.0.1:0", options: BrokerOptions = BrokerOptions(),
        clock: (any ContainerClock)? = nil
    ) throws -> Broker {
        let broker = try Broker(address, options: options, clock: clock)
        // From here `stop` waits for the thread, also where it has not come to run yet.
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
    ///   - started: called on this thread once signals are watched for: the place to say that the broker is there.
    /// - Throws: `ProtonError.Code.closed` where it has run before; what ended it, where that was not `stop`.
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

    /// Stops a broker that runs: closes the listener and all connections, and waits until it has ended.
    ///
    /// Connections are closed with `amqp:connection:forced`, so that no peer takes this for the end of its messages.
    /// Peers have `BrokerOptions.stopGrace` to close their side. Messages that no store keeps are gone. Does nothing the
    /// second time.
    /// - Returns: whether the broker has ended; false only where its thread is held up for a second beyond the grace.
    @discardableResult
    public func stop() -> Bool {
        close()
        return life.waitForEnd(atMost: grace + .seconds(1))
    }

    // MARK: Looking inside

    /// What the broker holds and whom it serves now.
    public var status: BrokerStatus { context.status }

    /// Waits until the broker is in some state, such as with so many messages in a queue; looks whenever it has changed.
    /// - Parameters:
    ///   - limit: how long to wait at most; by default 10 seconds.
    ///   - condition: whether it is in the state; called once at least.
    /// - Returns: the state.
    /// - Throws: `ProtonError.Code.timedOut` where it does not come into it in time; `CancellationError`.
    @discardableResult
    public func wait(
        atMost limit: Duration = .seconds(10), until condition: @escaping @Sendable (BrokerStatus) -> Bool
    ) async throws -> BrokerStatus {
        try await context.wait(atMost: limit, until: condition)
    }

    // MARK: Rules

    /// Has other rules hold from now on; nil allows every peer that is taken everything.
    ///
    /// They hold for links that are attached, and for messages that are sent without an address of their link, from now on;
    /// links that are attached already are not looked at again.
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

/// Each connection has a handler of its own: the container's has nothing to do.
private final class Idle: ProtonHandler, Sendable {}

/// Whether a broker runs or has ended, to be waited for.
private final class Life: Sendable {
    private enum Phase {
        case new, running, ended
    }

    private let phase = Mutex(Phase.new)
    // Signalled once the broker has ended, and again by each that has waited for it.
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

import Dispatch
import Proton
import Synchronization

/// A message broker in memory: named queues made on demand, competing consumers, selectors, browsers, transactions.
///
/// As a program it runs on the calling thread; in a test it starts in one line, on a thread of its own:
///
///     let broker = try Broker.start()
///     defer { broker.stop() }
///     try Container(HelloWorld("localhost:\(broker.port)", "examples")).run()
///
/// Messages are accepted once they are in their queue, and forwarded as the bytes that came. What a consumer releases,
/// or had when it went, goes back to its old place in the queue, with its delivery count raised where the delivery
/// failed or the peer vanished. What it rejects is dropped, or goes to `BrokerOptions.deadLetterAddress`. Urgent messages
/// go first, and those whose time to live is over are dropped. Its members may be used from any thread.
public final class Broker: Sendable {
    /// What is listened on, as in `127.0.0.1:5672`.
    public let address: String
    /// The port that is listened on, also where port 0 was asked for.
    public let port: Int

    // `run` uses it on one thread, once; `stop` makes the one call that is made from any thread, under the loop's lock.
    private nonisolated(unsafe) let container: Container
    private let grace: Duration
    private let threads: Int
    private let life = Life()

    /// Creates a broker that listens from now on, and serves its peers once it runs.
    /// - Parameters:
    ///   - address: where to listen, as in `localhost:5672`; port 0 is a free one, see `port`.
    ///   - options: how peers are treated.
    /// - Throws: `ProtonError.Code.listenFailed` where the port is in use or not allowed, `.invalidArgument` for options
    ///   that make no sense; `AMQPURLError` for an address that is none.
    public init(_ address: String = "localhost:5672", options: BrokerOptions = BrokerOptions()) throws {
        try options.validate()
        container = try Container(id: options.containerID, options: options.connection)
        let core = BrokerCore(options)
        let listener = try container.listen(address, maxConnections: options.maxConnections) { ConnectionHandler(core) }
        guard let bound = listener.addresses.first, let port = listener.port else {
            throw ProtonError(.listenFailed, "Cannot listen on \(address): no address was bound.")
        }
        self.address = bound
        self.port = port
        grace = options.stopGrace
        threads = options.threads
    }

    /// Starts a broker on a thread of its own.
    /// - Parameters:
    ///   - address: where to listen; default a free port of this machine's loopback.
    ///   - options: how peers are treated.
    /// - Returns: the broker, which listens and serves until it is stopped.
    /// - Throws: as `init`; `ProtonError.Code.limitExceeded` where the system has no thread left.
    public static func start(
        _ address: String = "127.0.0.1:0", options: BrokerOptions = BrokerOptions()
    ) throws -> Broker {
        let broker = try Broker(address, options: options)
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
        try container.run(threads: threads, handler: Idle())
    }

    /// Stops a broker that runs: closes the listener and all connections, and waits until it has ended.
    ///
    /// Connections are closed with `amqp:connection:forced`, so that no peer takes this for the end of its messages.
    /// Peers have `BrokerOptions.stopGrace` to close their side. Messages in queues are gone. Does nothing the second
    /// time.
    /// - Returns: whether the broker has ended; false only where its thread is held up for a second beyond the grace.
    @discardableResult
    public func stop() -> Bool {
        close()
        return life.waitForEnd(atMost: grace + .seconds(1))
    }

    /// Closes the listener and all connections.
    private func close() {
        container.stop(Condition(.connectionForced, "The broker is shutting down."), grace: grace)
    }
}

/// Each connection has a handler of its own: the container's has nothing to do.
private final class Idle: Handler, Sendable {}

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

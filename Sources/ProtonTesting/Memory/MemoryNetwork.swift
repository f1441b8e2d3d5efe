// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
public import ProtonBroker
import ProtonEngine
import ProtonUtilities

/// A network in memory for programs with async/await: a broker, clients and servers without sockets, with a clock that the test
/// advances. `withMemoryNetwork` makes one.
///
/// Its clients connect to the broker, whatever the URL, or to a server of this network that listens at the URL's address; SASL
/// and frames are the same as over sockets. One thread transfers the bytes. It runs when a program has asked for something, and
/// never waits for a time. Time-outs, reconnect delays, heartbeats and times to live use `clock`.
///
/// All members may be used from any task.
public final class MemoryNetwork: Sendable {
    /// The clock of the clients, the servers and the broker.
    ///
    /// The network's `advance(by:)` waits until a timer is set; the clock's own `advance(by:)` does not.
    public let clock: TestClock
    /// The container of the network's connections, for the parts of a program that `client` and `server` do not make.
    ///
    /// Assign it to `AMQPClient.container` or `AMQPServer.container`. All of its listeners and connections are in memory.
    public let container: ContainerHandle

    private let lines: MemoryLines
    private let thread: ContainerThread
    /// Nil if the network has no broker.
    private let broker: InMemoryBroker.View?

    init(broker options: BrokerOptions?) throws {
        let clock = TestClock()
        let broker = try options.map { try InMemoryBroker($0, clock: clock) }
        self.broker = broker?.view
        self.clock = clock
        let lines = MemoryLines(broker)
        self.lines = lines
        thread = try ContainerThread(Container(network: lines, clock: clock), whenEnded: { _ in lines.end() })
        container = thread.container
    }

    // MARK: Clients and servers

    /// Creates a client whose connections use this network.
    /// - Parameters:
    ///   - url: the address of a server of this network; any other address means the broker.
    ///   - credentials: the credentials to authenticate with; nil means those in the URL.
    ///   - options: the options for connections.
    /// - Throws: `AMQPURLError`.
    public func client(
        _ url: String = "amqp://broker", credentials: CredentialSource? = nil,
        options: ConnectionOptions = ConnectionOptions()
    ) throws -> AMQPClient {
        var client = try AMQPClient(url, credentials: credentials, options: options)
        client.container = container
        return client
    }

    /// Creates a server that listens on this network.
    /// - Parameters:
    ///   - url: the address to listen on; port 0 means a free port.
    ///   - options: the options for accepted connections.
    /// - Throws: `AMQPURLError`.
    public func server(_ url: String, options: ConnectionOptions = ConnectionOptions()) throws -> AMQPServer {
        var server = try AMQPServer(url, options: options)
        server.container = container
        return server
    }

    // MARK: The broker

    /// The queues, connections and other state of the broker at this time; empty if the network has no broker.
    public var status: BrokerStatus { broker?.status ?? .none }

    /// Waits until the broker's status meets a condition, as `Broker.wait` does.
    /// - Parameters:
    ///   - limit: the maximum wait, by the system's clock; by default 10 seconds.
    ///   - condition: returns whether the status meets the condition; called at least once.
    /// - Returns: the status.
    /// - Throws: `ProtonError.Code.timedOut` if the condition is not met in time, `.invalidArgument` if the network has no
    ///   broker; `CancellationError`.
    @discardableResult
    public func wait(
        atMost limit: Duration = .seconds(10), until condition: @escaping @Sendable (BrokerStatus) -> Bool
    ) async throws -> BrokerStatus {
        guard let broker else {
            throw ProtonError(.invalidArgument, "The network has no broker: make it with `withMemoryNetwork(broker:)`.")
        }
        return try await broker.wait(atMost: limit, until: condition)
    }

    // MARK: Time

    /// Waits until everything that was requested so far is sent and answered: neither side of a connection has output left.
    ///
    /// Tasks may not have handled the answers yet. Also returns when the task is cancelled.
    public func rest() async {
        await lines.waiting.wait(for: .rest) { wake() }
    }

    /// Advances the clock, after a client or a server has set a timer that fires within the duration.
    ///
    ///     async let outcome = sender.send("x", timeout: .seconds(60))
    ///     try await network.advance(by: .seconds(60))  // the time-out has been set by then
    ///
    /// A program may set a time-out before it sends the message; if that matters, wait for the message first. This does not wait
    /// for heartbeats and for times that only the broker uses, such as a message's time to live: use `clock.advance` for these.
    /// - Parameters:
    ///   - duration: the time to advance.
    ///   - limit: the maximum wait, by the system's clock; by default 10 seconds.
    /// - Throws: `ProtonError.Code.timedOut` if no such timer is set in time; `CancellationError`.
    public func advance(by duration: Duration, atMost limit: Duration = .seconds(10)) async throws {
        let isThere = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { [self] in
                await lines.waiting.wait(for: .timer(within: duration)) { wake() }
                return true
            }
            group.addTask {
                // The bound of the wait.
                try await Task.sleep(for: limit)
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
        try Task.checkCancellation()
        guard isThere else {
            throw ProtonError(.timedOut, "Nobody waits for a time within \(duration): none was set in \(limit).")
        }
        clock.advance(by: duration)
    }

    // MARK: Faults

    /// Breaks all connections, after all requested output is sent. When this returns, both sides have received the event.
    public func cut() async {
        await change { $0.cut() }
    }

    /// Breaks all connections, and refuses new ones while the body runs, as if the peers' processes had ended. The broker keeps
    /// its messages.
    /// - Returns: the result of the body.
    /// - Throws: any error that the body throws.
    public func whileDown<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await during(.down, body)
    }

    /// Delivers no bytes while the body runs, and neither side receives an event, as if the cable were unplugged.
    ///
    /// Each side closes the connection when the clock passes its `ConnectionLimits.idleTimeout`, because no heartbeat arrives.
    /// The bytes sent in the meantime arrive after the body, if the connection is still open. Closing a connection in the body
    /// waits until the clock passes `ConnectionLimits.closeTimeout`.
    /// - Returns: the result of the body.
    /// - Throws: any error that the body throws.
    public func whileUnplugged<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await during(.unplugged, body)
    }

    private func during<Result>(
        _ reachability: MemoryLines.Reachability, _ body: () async throws -> Result
    ) async rethrows -> Result {
        await change { $0.change(to: reachability) }
        let result: Result
        do {
            result = try await body()
        } catch {
            await change { $0.change(to: .up) }
            throw error
        }
        await change { $0.change(to: .up) }
        return result
    }

    private func change(_ body: @escaping @Sendable (MemoryLines) -> Void) async {
        await rest()
        try? container.execute { [lines] _ in body(lines) }
        await rest()
    }

    /// Wakes the loop.
    private func wake() {
        try? container.execute { _ in }
    }

    // MARK: The end

    /// Closes all connections, and waits until the network's thread has ended.
    /// - Throws: the error that ended the loop, unless this call ended it.
    fileprivate func end() async throws {
        container.stop(Condition(.connectionForced, "The network in memory has ended."), grace: .seconds(1))
        let result = await withCheckedContinuation { continuation in
            let wait: @Sendable () -> Void = { [thread] in
                continuation.resume(returning: Result { try thread.wait(timeout: .seconds(10)) })
            }
            guard let waiting = Thread.start(wait) else { return wait() }
            waiting.detach()
        }
        try result.get()
    }
}

/// Runs a body with a network in memory that has a broker: without sockets or sleeps, and with a clock for all times.
///
///     try await withMemoryNetwork { network in
///         try await network.client().withConnection { connection in
///             try await connection.send("order 1", to: "orders")
///         }
///         #expect(network.status.queue("orders")?.waiting == 1)
///         network.clock.advance(by: .seconds(3_600))
///     }
///
/// All that is still open at the end is closed, also if the task is cancelled.
/// - Parameters:
///   - options: the broker's options; nil makes a network without a broker, for servers of the test. `threads` has no effect.
///   - body: a closure that uses the network.
/// - Returns: the result of the body.
/// - Throws: any error that the body throws; `ProtonError.Code.invalidArgument` for invalid options, and for options with a
///   store, because a store needs a thread; `.limitExceeded` if the system has no thread left; `.timedOut` if the network does
///   not end in time.
public func withMemoryNetwork<Result>(
    broker options: BrokerOptions? = BrokerOptions(), _ body: (MemoryNetwork) async throws -> Result
) async throws -> Result {
    let network = try MemoryNetwork(broker: options)
    let result: Result
    do {
        result = try await body(network)
    } catch {
        try? await network.end()
        throw error
    }
    try await network.end()
    return result
}

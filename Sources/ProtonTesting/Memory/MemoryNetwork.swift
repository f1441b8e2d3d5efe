// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
public import ProtonBroker
import ProtonEngine
import ProtonUtilities

/// A network in memory for programs with async/await: a broker, clients and servers without sockets, by a clock that the
/// test turns. `withMemoryNetwork` makes one.
///
/// What its clients connect to is the broker, whatever the URL, or a server of this network that listens there; with SASL,
/// frames and all, as over sockets. One thread carries the bytes: it does something when a program has asked for something,
/// and never waits for a time. Time-outs, waits before a connection is made again, heartbeats and times to live go by `clock`.
///
/// All of it may be used from any task.
public final class MemoryNetwork: Sendable {
    /// What all times go by: those of clients, of servers and of the broker.
    ///
    /// `advance(by:)` of the network waits until somebody waits for a time; this one's does not.
    public let clock: TestClock
    /// The container that the network's connections run in, for what `client` and `server` do not make:
    /// `AMQPClient.container`, `AMQPServer.container`.
    ///
    /// What listens in it, and what it connects to, is in memory.
    public let container: ContainerHandle

    private let lines: MemoryLines
    private let thread: ContainerThread
    /// Nil where the network has no broker.
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

    /// A client whose connections go over this network.
    /// - Parameters:
    ///   - url: where to: the address of a server of this network, or any other, which is the broker's.
    ///   - credentials: what to log in with; nil is what the URL says.
    ///   - options: how connections are made.
    /// - Throws: `AMQPURLError`.
    public func client(
        _ url: String = "amqp://broker", credentials: CredentialSource? = nil,
        options: ConnectionOptions = ConnectionOptions()
    ) throws -> AMQPClient {
        var client = try AMQPClient(url, credentials: credentials, options: options)
        client.container = container
        return client
    }

    /// A server that listens on this network.
    /// - Parameters:
    ///   - url: where, as in `service`; port 0 is a free one.
    ///   - options: how connections are taken.
    /// - Throws: `AMQPURLError`.
    public func server(_ url: String, options: ConnectionOptions = ConnectionOptions()) throws -> AMQPServer {
        var server = try AMQPServer(url, options: options)
        server.container = container
        return server
    }

    // MARK: The broker

    /// What the broker holds and whom it serves now; of a network without a broker nothing.
    public var status: BrokerStatus { broker?.status ?? .none }

    /// Waits until the broker is in some state, as `Broker.wait` does.
    /// - Parameters:
    ///   - limit: how long to wait at most, by the system's clock; by default 10 seconds.
    ///   - condition: whether it is in the state; called once at least.
    /// - Returns: the state.
    /// - Throws: `ProtonError.Code.timedOut` where it does not come into it in time, `.invalidArgument` where the network has
    ///   no broker; `CancellationError`.
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

    /// Waits until everything that was asked for so far is said and answered: neither side of a connection has more to say.
    ///
    /// What tasks do about the answers comes later. Also returns when the task is cancelled.
    public func rest() async {
        await lines.waiting.wait(for: .rest) { wake() }
    }

    /// Turns the clock, once a client or a server waits for a time that comes within the duration.
    ///
    ///     async let outcome = sender.send("x", timeout: .seconds(60))
    ///     try await network.advance(by: .seconds(60))  // the time-out has been set by then
    ///
    /// A program may set a time-out before it has sent what it is about: where that matters, wait for the message first. Times
    /// that only the broker waits for, such as a message's time to live, and heartbeats are not waited for: `clock.advance`
    /// turns the clock for these.
    /// - Parameters:
    ///   - duration: how far.
    ///   - limit: how long to wait at most, by the system's clock; by default 10 seconds.
    /// - Throws: `ProtonError.Code.timedOut` where nobody waits for such a time by then; `CancellationError`.
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

    /// Breaks all connections, once everything is said that was asked for: both sides are told when this returns.
    public func cut() async {
        await change { $0.cut() }
    }

    /// Breaks all connections, and refuses others while the body runs: the peers are gone, as when their process ends. What
    /// the broker holds is kept.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws.
    public func whileDown<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        try await during(.down, body)
    }

    /// Lets nothing arrive while the body runs, without a word to anybody: the cable is out.
    ///
    /// Each side finds out when the clock passes its `ConnectionLimits.idleTimeout`, for want of heartbeats. What was sent
    /// meanwhile arrives at the end, where the connection is still there. To close a connection in the body waits for the
    /// clock to pass `ConnectionLimits.closeTimeout`.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws.
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

    /// Has the loop take a turn.
    private func wake() {
        try? container.execute { _ in }
    }

    // MARK: The end

    /// Closes what is open, and waits until the network's thread has ended.
    /// - Throws: what ended the loop, where that was not this.
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

/// Runs a body with a network in memory, with a broker: no socket, no sleep, and times by a clock.
///
///     try await withMemoryNetwork { network in
///         try await network.client().withConnection { connection in
///             try await connection.send("order 1", to: "orders")
///         }
///         #expect(network.status.queue("orders")?.waiting == 1)
///         network.clock.advance(by: .seconds(3_600))
///     }
///
/// What is still open at the end is closed, also where the task is cancelled.
/// - Parameters:
///   - options: how the broker treats its peers; nil is a network without a broker, for servers of the test's.
///     `threads` means nothing here.
///   - body: what is done with the network.
/// - Returns: what the body returns.
/// - Throws: what the body throws; `ProtonError.Code.invalidArgument` for options that make no sense, and for those with a
///   store, which needs a thread; `.limitExceeded` where the system has no thread left; `.timedOut` where the network does not
///   come to its end.
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

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
public import ProtonBroker

/// Runs a body with a broker in memory: without a socket, a thread or a wait, and in the same order each time.
///
///     try withBrokerInMemory { broker in
///         let greeter = Greeter()
///         try broker.start(greeter)
///         try broker.run()
///         #expect(greeter.answers == ["hello"])
///     }
///
/// Connections that are still open at the end are dropped, and no handler receives an event for it.
/// - Parameters:
///   - options: the broker's options. `threads` has no effect.
///   - body: a closure that uses the broker, called on this thread.
/// - Returns: the result of the body.
/// - Throws: any error that the body throws; `ProtonError.Code.invalidArgument` for invalid options, and for options with a
///   store, because a store needs a thread.
public func withBrokerInMemory<Result>(
    options: BrokerOptions = BrokerOptions(), _ body: (MemoryBroker) throws -> Result
) throws -> Result {
    let broker = try MemoryBroker(options)
    defer { broker.end() }
    return try body(broker)
}

/// A broker and its clients in memory, which communicate only when the test calls `run`; `withBrokerInMemory` makes one.
///
/// The clients are the same handlers as in a program. Every connection that they make leads to this broker, whatever its URL;
/// SASL and frames are the same as over a network. Nothing happens until the test calls `run`, which processes all pending work,
/// always in the same order. Times to live, delays, timers and heartbeats use `clock`, which the test advances.
///
/// Use a broker, its clients and their handlers only on the thread that made them. None of them is `Sendable`, so the compiler
/// rejects other uses in the Swift 6 language mode. For `BlockingConnection` and `Container.run`, which block, use `withBroker`.
public final class MemoryBroker {
    /// The clock of the broker and its clients: advance it, and call `run`.
    public let clock = TestClock()

    private let broker: InMemoryBroker
    private var clients: [MemoryClient] = []
    private var phase = Phase.resting

    private enum Phase {
        case resting, running, ended
    }

    init(_ options: BrokerOptions) throws {
        broker = try InMemoryBroker(options, clock: clock)
    }

    /// Starts a program: sends its handler the start events (`onReactorInit`, `onStart`), as `Container.run` does.
    ///
    /// Nothing is sent to the broker before `run`. A program may make several connections, at its start or later, and the test
    /// may make more with the client's `container`. A connection that breaks is not made again, whatever the options.
    /// - Parameters:
    ///   - program: the program's handler.
    ///   - id: its container id; nil means `client-1`, `client-2` and so on, in the order of the starts.
    ///   - options: the program's options, if it calls `connect` without options.
    /// - Throws: any error that the program throws at its start; `ProtonError.Code.invalidArgument` for invalid options,
    ///   `.closed` if the broker has ended.
    @discardableResult
    public func start(
        _ program: any ProtonHandler, id: String? = nil, options: ConnectionOptions = ConnectionOptions()
    ) throws -> MemoryClient {
        if phase == .ended { throw MemoryBroker.ended }
        let id = id ?? "client-\(clients.count + 1)"
        let client = MemoryClient(try Container(program, id: id, options: options, clock: clock))
        clients.append(client)
        try client.container.startInMemory()
        return client
    }

    /// Processes the pending work of the broker and its clients, until none of them has output left.
    ///
    /// Call it again after the test or the clock has given them something to do.
    /// - Parameter rounds: the maximum number of rounds, in each of which all are processed once; the default takes only seconds.
    /// - Throws: any error that a callback throws, and errors of connections and links that no handler handles, as
    ///   `Container.run` does; `ProtonError.Code.limitExceeded` if there is output after all rounds, `.closed` if the broker has
    ///   ended, `.invalidArgument` if a callback calls this.
    public func run(rounds: Int = 100_000) throws {
        switch phase {
        case .resting: phase = .running
        case .running:
            throw ProtonError(
                .invalidArgument, "`run` of the broker in memory runs: it cannot be called by a callback.")
        case .ended: throw MemoryBroker.ended
        }
        defer { if phase == .running { phase = .resting } }
        var left = rounds
        var hasTimePassed = false
        repeat {
            try MemoryPipe.untilRest(rounds: &left) {
                var isMoving = try broker.turn()
                for client in clients where try client.turn(with: broker) { isMoving = true }
                return isMoving
            }
            hasTimePassed = false
            for client in clients where try client.passTime(to: clock.now) { hasTimePassed = true }
        } while hasTimePassed
    }

    /// The queues, connections and other state of the broker at this time.
    public var status: BrokerStatus { broker.status }

    /// Drops all connections.
    func end() {
        phase = .ended
        for client in clients { client.end(with: broker) }
        // The handlers of the clients may reference this broker.
        clients = []
    }

    private static var ended: ProtonError {
        ProtonError(.closed, "The broker has ended with the body of `withBrokerInMemory`: use it in there.")
    }
}

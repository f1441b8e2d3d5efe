// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
public import ProtonBroker

/// Runs a body with a broker in memory: no socket, no thread, nothing to wait for, and the same course each time.
///
///     try withBrokerInMemory { broker in
///         let greeter = Greeter()
///         try broker.start(greeter)
///         try broker.run()
///         #expect(greeter.answers == ["hello"])
///     }
///
/// What the programs still have open at the end is dropped, and no handler is told.
/// - Parameters:
///   - options: how the broker treats its peers. `threads` means nothing here.
///   - body: what is done with the broker, on this thread.
/// - Returns: what the body returns.
/// - Throws: what the body throws; `ProtonError.Code.invalidArgument` for options that make no sense, and for those with
///   a store, which needs a thread.
public func withBrokerInMemory<Result>(
    options: BrokerOptions = BrokerOptions(), _ body: (MemoryBroker) throws -> Result
) throws -> Result {
    let broker = try MemoryBroker(options)
    defer { broker.end() }
    return try body(broker)
}

/// A broker and its clients, which talk when the test says so: what `withBrokerInMemory` gives its body.
///
/// The clients are handlers of programs, unchanged: whatever the URL that they connect to, it leads to this broker, with
/// SASL, frames and all, as over a network. Nothing happens by itself: `run` has all do what there is to do, in an order
/// that is always the same, and times to live, delays, timers and heartbeats wait until `clock` is turned.
///
/// A broker, its clients and their handlers belong to the thread that made them. None of them is `Sendable`, so that in
/// the Swift 6 language mode the compiler refuses to use them on two. `BlockingConnection` and `Container.run`, which
/// wait, are for `withBroker`.
public final class MemoryBroker {
    /// What all times go by, the broker's and its clients': turn it, and `run`.
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

    /// Starts a program: tells its handler of the start (`onReactorInit`, `onStart`), as `Container.run` does.
    ///
    /// Nothing goes to the broker before `run`. A program may make several connections, at its start or later, as may the
    /// test by the client's `container`. One that breaks is not made again, whatever the options say.
    /// - Parameters:
    ///   - program: the program's handler.
    ///   - id: its container id; nil is `client-1`, `client-2` and so on, as they are started.
    ///   - options: how it connects where it gives `connect` no options.
    /// - Throws: what the program throws at its start; `ProtonError.Code.invalidArgument` for options that make no sense,
    ///   `.closed` where the broker has ended.
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

    /// Has the broker and its clients do what there is to do, until none of them has more to say.
    ///
    /// May be called again, when the test or the clock has given them something to do.
    /// - Parameter rounds: how many times each has its turn before this gives up, within seconds by the default.
    /// - Throws: what callbacks throw, and errors of connections and links that no handler takes care of, as
    ///   `Container.run` does; `ProtonError.Code.limitExceeded` where they do not come to rest, `.closed` where the broker
    ///   has ended, `.invalidArgument` where a callback calls this.
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

    /// What the broker holds and whom it serves now.
    public var status: BrokerStatus { broker.status }

    /// Drops all connections.
    func end() {
        phase = .ended
        for client in clients { client.end(with: broker) }
        // Their handlers may keep this.
        clients = []
    }

    private static var ended: ProtonError {
        ProtonError(.closed, "The broker has ended with the body of `withBrokerInMemory`: use it in there.")
    }
}

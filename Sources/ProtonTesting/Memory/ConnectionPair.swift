// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
public import ProtonEngine

/// A client and a server that talk to each other in memory: without a socket, a thread or anything to wait for.
///
///     let (client, server) = (Greeter(), Echo())
///     let pair = try ConnectionPair(client: client, server: server)
///     try pair.run()
///     #expect(client.answers == ["Hello World!"])
///
/// The handlers are those of programs, unchanged. The client is told of its start, and the connection that it makes
/// there leads to the server, whatever its URL: with SASL, frames and all, as over a network. The server is not told of
/// a start, since it would listen, but of everything that its peer does. Timers, the waits of both and their heartbeats
/// go by `clock`, and what they do is done in `run` too, so that a test takes the same course each time.
///
/// A pair, its connections and its handlers belong to the thread that uses them.
public final class ConnectionPair {
    /// One of the two ways that bytes go.
    public enum Direction: Sendable, CaseIterable {
        /// From the client to the server.
        case toServer
        /// From the server to the client.
        case toClient
    }

    /// The client's connection: the one that it made when it was told of its start, or else one that is made for it.
    public let client: Connection
    /// The server's connection.
    public let server: Connection
    /// What timers go by: turn it, and `run`.
    public let clock: TestClock

    private let clientContainer: Container
    private let serverContainer: Container
    private let pipe: MemoryPipe

    /// Joins two handlers, and tells the client of its start (`onReactorInit`, `onStart`).
    ///
    /// Nothing goes from one to the other before `run`. A connection that breaks is not made again, whatever the options
    /// say.
    /// - Parameters:
    ///   - client: the handler of the side that connects.
    ///   - server: the handler of the side that the client connects to.
    ///   - clientOptions: how the client connects where it gives `connect` no options.
    ///   - serverOptions: how the server takes the connection.
    /// - Throws: what the client throws at its start; `ProtonError.Code.invalidArgument` where it makes more than one
    ///   connection, or the options make no sense.
    public init(
        client: any ProtonHandler, server: any ProtonHandler, clientOptions: ConnectionOptions = ConnectionOptions(),
        serverOptions: ConnectionOptions = ConnectionOptions()
    ) throws {
        let clock = TestClock()
        self.clock = clock
        clientContainer = try Container(client, id: "client", options: clientOptions, clock: clock)
        serverContainer = try Container(server, id: "server", options: serverOptions, clock: clock)
        try clientContainer.startInMemory()
        let clientSide = try ConnectionPair.takeConnection(of: clientContainer)
        let serverSide = try serverContainer.acceptInMemory()
        (self.client, self.server) = (clientSide.connection, serverSide.connection)
        pipe = MemoryPipe(client: clientSide, server: serverSide, at: clock.now)
    }

    /// The connection that a client has made, or one that is made for it.
    private static func takeConnection(of client: Container) throws -> ConnectionDriver {
        var connections = try client.takeConnectionsInMemory()
        if connections.isEmpty {
            try client.connect("localhost")
            connections = try client.takeConnectionsInMemory()
        }
        guard connections.count == 1 else {
            for driver in connections { client.endInMemory(driver.connection) }
            throw tooManyConnections
        }
        return connections[0]
    }

    private static var tooManyConnections: ProtonError {
        ProtonError(.invalidArgument, "The client of a pair in memory makes one connection: it has made another one.")
    }

    deinit {
        clientContainer.endInMemory(client)
        serverContainer.endInMemory(server)
    }

    /// Lets both sides talk, until neither has more to say.
    ///
    /// May be called again, when the test or the clock has given them something to do.
    /// - Parameters:
    ///   - bytesAtATime: how many bytes go at once, at least 1; few of them show what comes of frames in pieces.
    ///   - rounds: how many times each side has its turn before this gives up.
    /// - Throws: what callbacks throw, and errors of the client's connection that no handler takes care of, as
    ///   `Container.run` does; `ProtonError.Code.limitExceeded` where they do not come to rest, and
    ///   `.invalidArgument` where a callback makes another connection.
    public func run(bytesAtATime: Int = .max, rounds: Int = 10_000_000) throws {
        var left = rounds
        repeat {
            try MemoryPipe.untilRest(rounds: &left) {
                let isMoving = try pipe.round(step: max(1, bytesAtATime))
                return try turn(clientContainer) || turn(serverContainer) || isMoving
            }
        } while try pipe.passTime(to: clock.now)
    }

    private func turn(_ container: Container) throws -> Bool {
        if container.dropConnectionsInMemory() > 0 { throw ConnectionPair.tooManyConnections }
        return try container.turnInMemory()
    }

    /// Whether the connection is over, on both sides.
    public var isClosed: Bool { pipe.isFinished }

    /// How many bytes have gone in a direction.
    public func byteCount(_ direction: Direction) -> Int { pipe.count(direction) }

    /// Breaks the connection when so many bytes have gone in a direction, as when a cable is cut.
    ///
    /// Both sides are told that their transport is gone. Where as many have gone already it breaks in the next `run`.
    public func cut(_ direction: Direction, after count: Int) {
        pipe.cut(direction, after: count)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Proton
public import ProtonEngine

/// A client and a server that are connected in memory, without a socket, a thread or a wait.
///
///     let (client, server) = (Greeter(), Echo())
///     let pair = try ConnectionPair(client: client, server: server)
///     try pair.run()
///     #expect(client.answers == ["Hello World!"])
///
/// The handlers are the same as in a program. The client's handler receives the start events, and the connection that it makes
/// then leads to the server, whatever its URL. SASL and frames are the same as over a network. The server's handler receives no
/// start events, because it would listen, but it receives all other events. Timers, time-outs and heartbeats of both sides use
/// `clock` and are processed in `run` too, so that a test runs in the same order each time.
///
/// Use a pair, its connections and its handlers on one thread only.
public final class ConnectionPair {
    /// A direction in which bytes are sent.
    public enum Direction: Sendable, CaseIterable {
        /// From the client to the server.
        case toServer
        /// From the server to the client.
        case toClient
    }

    /// The client's connection: the one that the client made at its start, or else one that the pair made for it.
    public let client: Connection
    /// The server's connection.
    public let server: Connection
    /// The clock that timers use: advance it, and call `run`.
    public let clock: TestClock

    private let clientContainer: Container
    private let serverContainer: Container
    private let pipe: MemoryPipe

    /// Connects two handlers, and sends the start events to the client (`onReactorInit`, `onStart`).
    ///
    /// Nothing is transferred before `run`. A connection that breaks is not made again, whatever the options.
    /// - Parameters:
    ///   - client: the handler of the side that connects.
    ///   - server: the handler of the side that the client connects to.
    ///   - clientOptions: the client's options, if it calls `connect` without options.
    ///   - serverOptions: the server's options for the connection.
    /// - Throws: any error that the client throws at its start; `ProtonError.Code.invalidArgument` if it makes more than one
    ///   connection, or if the options are invalid.
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

    /// The connection that a client has made, or a new one if it has made none.
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

    /// Transfers bytes and handles events until neither side has output left.
    ///
    /// Call it again after the test or the clock has given the sides something to do.
    /// - Parameters:
    ///   - bytesAtATime: the maximum number of bytes per transfer, at least 1; a small number tests frames that arrive in pieces.
    ///   - rounds: the maximum number of rounds, in each of which both sides are processed once.
    /// - Throws: any error that a callback throws, and errors of the client's connection that no handler handles, as
    ///   `Container.run` does; `ProtonError.Code.limitExceeded` if the sides still have output after all rounds;
    ///   `.invalidArgument` if a callback makes another connection.
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

    /// Whether both sides of the connection are closed.
    public var isClosed: Bool { pipe.isFinished }

    /// The number of bytes transferred in a direction.
    public func byteCount(_ direction: Direction) -> Int { pipe.count(direction) }

    /// Breaks the connection after a number of bytes in a direction, like a cable that is cut.
    ///
    /// Both sides receive the event that their transport is closed. If the number is already reached, the connection breaks in
    /// the next `run`.
    public func cut(_ direction: Direction, after count: Int) {
        pipe.cut(direction, after: count)
    }
}

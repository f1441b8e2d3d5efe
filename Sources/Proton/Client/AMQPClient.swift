// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import Logging
public import ProtonEngine
import ProtonUtilities

/// A client of AMQP 1.0 peers, for programs with async/await: where to connect to, and how.
///
///     try await AMQPClient("amqps://broker.example", credentials: .password(user: "me", password: secret))
///         .withConnection { connection in
///             try await connection.send("Hello World!", to: "examples")
///             for try await delivery in connection.receiver(from: "examples") {
///                 print(delivery.message.body)
///                 delivery.accept()
///             }
///         }
///
/// Everything that is made of it can be used from any task. Connections run on one thread for the whole process; calls stay on
/// the thread that makes them, and wait without one.
public struct AMQPClient: Sendable {
    /// Where to connect to: to the first that can be reached, also after a loss.
    public var urls: [AMQPURL]
    /// How connections are made, and made again: `ConnectionOptions.reconnect`.
    public var options: ConnectionOptions
    /// How long the first opening of a connection may take, tries that fail included. Default 30 seconds.
    public var timeout: Duration
    /// Where losses of connections go; default that of the label `proton`.
    public var logger: Logger

    /// The container that connections run in; nil, the default, is one that all clients share, with one thread for the process.
    ///
    /// A program that wants more threads runs a `ContainerThread` of its own: each connection is on one of its threads at a time.
    /// So does a test that turns the clock: `ContainerThread(Container(clock: clock)).container`; time-outs, and the waits before
    /// a connection is made again, go by that clock then. Keep the `ContainerThread` for as long as the client is used.
    public var container: ContainerHandle?

    /// Whether links that the peer attaches wait for the program, in `AMQPConnection.linkRequests`. Default false: they are refused.
    public var takesLinks = false

    /// What watches the client's connections: metrics, traces, and the like. Default none.
    public var instruments: [any AMQPInstrument] = []

    /// Creates a client of one peer.
    /// - Parameters:
    ///   - url: where to, as in `amqps://user:password@host:port`, or just `host`.
    ///   - credentials: what to log in with, or a closure that is asked for it at each try; nil is what the URL says.
    ///   - options: how connections are made; the default makes them again when they are lost.
    ///   - timeout: how long the first opening may take. Default 30 seconds.
    ///   - logger: where losses of connections go.
    /// - Throws: `AMQPURLError`.
    public init(
        _ url: String, credentials: CredentialSource? = nil, options: ConnectionOptions = ConnectionOptions(),
        timeout: Duration = .seconds(30), logger: Logger = Logger(label: "proton")
    ) throws {
        try self.init([url], credentials: credentials, options: options, timeout: timeout, logger: logger)
    }

    /// Creates a client of several peers that stand for each other.
    /// - Throws: `AMQPURLError`; `ProtonError.Code.invalidArgument` where there is no URL.
    public init(
        _ urls: [String], credentials: CredentialSource? = nil, options: ConnectionOptions = ConnectionOptions(),
        timeout: Duration = .seconds(30), logger: Logger = Logger(label: "proton")
    ) throws {
        self.urls = try Container.parse(urls)
        self.options = options
        if let credentials { self.options.credentials = credentials }
        (self.timeout, self.logger) = (timeout, logger)
    }

    /// Connects, and returns when the peer has opened the connection; `AMQPConnection.close` ends it.
    ///
    /// `withConnection` does the closing itself.
    /// - Throws: `ProtonError`: `.timedOut` where the peer has not opened in time, with the last try's error;
    ///   `.connectFailed`, `.authenticationFailed`, `.tlsFailed`, `.connectionError` and the like where another try would not
    ///   help, or `options` want none; `.invalidArgument` for options that make no sense; `CancellationError`.
    public func connect() async throws -> AMQPConnection {
        guard timeout > .zero else {
            throw ProtonError(.invalidArgument, "AMQPClient: the time-out is \(timeout): it must be more than zero.")
        }
        guard let first = urls.first else {
            throw ProtonError(.invalidArgument, "AMQPClient: to connect at least one URL is needed.")
        }
        try options.validate()
        let container = try container ?? ClientLoop.shared.container()
        let core = ClientConnection(
            first, container, closeTimeout: options.limits.closeTimeout, logger, role: .client(takesLinks: takesLinks),
            instruments: instruments)
        try core.start(urls, options)
        let timer = try container.schedule(after: timeout) { [timeout] _ in core.giveUpOpening(after: timeout) }
        let error = await core.waitUntilOpen()
        timer.cancel()
        if let error { throw error }
        guard !Task.isCancelled else {
            core.beginClosing()
            throw CancellationError()
        }
        return AMQPConnection(core, container)
    }

    /// Connects, runs the body with the connection, and closes that, whatever comes of the body.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws, and as `connect`.
    public func withConnection<Result>(_ body: (AMQPConnection) async throws -> Result) async throws -> Result {
        let connection = try await connect()
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }
}

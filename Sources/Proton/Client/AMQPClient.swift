// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import Logging
public import ProtonEngine
import ProtonUtilities

/// A client that connects to AMQP 1.0 peers, for programs that use async/await.
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
/// Everything that it creates can be used from any task. By default all connections of the process run on one thread. A call
/// stays on the task that makes it, and blocks no thread while it waits.
public struct AMQPClient: Sendable {
    /// The URLs of the peer. Connects to the first that can be reached, also when the connection is lost.
    public var urls: [AMQPURL]
    /// How connections are made, and made again after a loss: see `ConnectionOptions.reconnect`.
    public var options: ConnectionOptions
    /// How long the first opening of a connection may take, failed attempts included. Default 30 seconds.
    public var timeout: Duration
    /// The logger for lost connections; by default one with the label `proton`.
    public var logger: Logger

    /// The container that connections run in; nil, the default, is one container with one thread that all clients of the process
    /// share.
    ///
    /// A program that wants more threads runs a `ContainerThread` of its own: each connection is on one of its threads at a time.
    /// A test that controls the clock does the same: `ContainerThread(Container(clock: clock)).container`. Time-outs and the
    /// delays before a reconnect then use that clock. Keep the `ContainerThread` for as long as the client is used.
    public var container: ContainerHandle?

    /// Whether links that the peer attaches go to `AMQPConnection.linkRequests`. Default false: they are refused.
    public var takesLinks = false

    /// The instruments of the client's connections, such as metrics and traces. Default none.
    public var instruments: [any AMQPInstrument] = []

    /// Creates a client of one peer.
    /// - Parameters:
    ///   - url: the peer's URL, such as `amqps://user:password@host:port` or just `host`.
    ///   - credentials: the credentials to authenticate with, or a closure that is called at each attempt; nil uses those of the
    ///     URL.
    ///   - options: how connections are made; by default a lost connection is made again.
    ///   - timeout: how long the first opening may take. Default 30 seconds.
    ///   - logger: the logger for lost connections.
    /// - Throws: `AMQPURLError`.
    public init(
        _ url: String, credentials: CredentialSource? = nil, options: ConnectionOptions = ConnectionOptions(),
        timeout: Duration = .seconds(30), logger: Logger = Logger(label: "proton")
    ) throws {
        try self.init([url], credentials: credentials, options: options, timeout: timeout, logger: logger)
    }

    /// Creates a client of several peers that can replace each other.
    /// - Throws: `AMQPURLError`; `ProtonError.Code.invalidArgument` if there is no URL.
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
    /// `withConnection` closes the connection itself.
    /// - Throws: `ProtonError`: `.timedOut` if the peer has not opened the connection in time, with the last attempt's error;
    ///   `.connectFailed`, `.authenticationFailed`, `.tlsFailed`, `.connectionError` and others if another attempt would not
    ///   help, or `options` allow none; `.invalidArgument` for invalid options; `CancellationError`.
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

    /// Connects, runs the body with the connection, and closes the connection, also if the body throws.
    /// - Returns: what the body returns.
    /// - Throws: the errors of the body and of `connect`.
    @discardableResult
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

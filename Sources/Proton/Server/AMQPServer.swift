// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import Logging
public import ProtonEngine
import ProtonUtilities

/// A server that accepts AMQP 1.0 peers, for programs that use async/await.
///
///     try await AMQPServer("0.0.0.0:5672").withListener { listener in
///         for await request in listener {
///             let connection = try await request.accept()
///             …
///         }
///     }
///
/// Connections, and the links that peers attach, arrive as sequences of requests; each is accepted, refused, or redirected. To
/// answer requests without a broker, see `AMQPListener.serve`.
public struct AMQPServer: Sendable {
    /// The URL to listen on; port 0 is a free port, see `AMQPListener.port`.
    public var url: AMQPURL
    /// The TLS options, which a URL that begins with `amqps:` needs.
    public var tls: TLSServerOptions?
    /// The options of accepted connections: who may connect (`authentication`), and what a peer may use of this process
    /// (`limits`).
    public var options: ConnectionOptions
    /// The maximum number of connections, as in `Container.listen`; nil uses the limit of open files.
    public var maxConnections: Int?
    /// The logger for lost connections; by default one with the label `proton`.
    public var logger: Logger
    /// The instruments of the accepted connections, such as metrics and traces. Default none.
    ///
    /// They are the same as for clients; a connection's host and port are those of the peer.
    public var instruments: [any AMQPInstrument] = []
    /// The container that the listener and its connections run in; nil, the default, is the one that all clients share.
    public var container: ContainerHandle?

    /// Creates a server.
    /// - Parameters:
    ///   - url: the URL to listen on, such as `localhost:5672`.
    ///   - tls: the TLS options, for a URL that begins with `amqps:`.
    ///   - options: the options of accepted connections.
    ///   - logger: the logger for lost connections.
    /// - Throws: `AMQPURLError`.
    public init(
        _ url: String, tls: TLSServerOptions? = nil, options: ConnectionOptions = ConnectionOptions(),
        logger: Logger = Logger(label: "proton")
    ) throws {
        self.url = try AMQPURL(url)
        (self.tls, self.options, self.logger) = (tls, options, logger)
    }

    /// Starts to listen, until the listener is closed by `AMQPListener.close`, or is deinitialized.
    /// - Throws: as `Container.listen`.
    public func listen() throws -> AMQPListener {
        let container = try container ?? ClientLoop.shared.container()
        let requests = RequestQueue<AMQPConnectionRequest>(bound: AMQPServer.maxWaitingRequests)
        let accepted = AcceptedConnections()
        let listener = try container.core.container.listen(
            url.description, options: options, tls: tls, maxConnections: maxConnections
        ) { [self] in
            // If the queue is full, the request is released, which refuses the connection.
            IncomingConnection(container, self, accepted, ask: requests.put)
        }
        return AMQPListener(listener, requests, accepted)
    }

    /// How many connections may wait for the program's decision; further ones are refused.
    private static let maxWaitingRequests = 1_000

    /// Listens, runs the body with the listener, and closes the listener, also if the body throws.
    ///
    /// Connections that were accepted belong to the body: they stay open until they are closed or deinitialized.
    /// - Returns: the result of the body.
    /// - Throws: the errors of the body and of `listen`.
    @discardableResult
    public func withListener<Result>(_ body: (AMQPListener) async throws -> Result) async throws -> Result {
        let listener = try listen()
        defer { listener.close() }
        return try await body(listener)
    }
}

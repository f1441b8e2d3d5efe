// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import Logging
public import ProtonEngine
import ProtonUtilities

/// A server of AMQP 1.0 peers, for programs with async/await: where to listen, and how.
///
///     try await AMQPServer("0.0.0.0:5672").withListener { listener in
///         for await request in listener {
///             let connection = try await request.accept()
///             …
///         }
///     }
///
/// Connections, and the links that peers attach, come as sequences of requests; each is accepted, refused, or redirected. To answer
/// requests without a broker there is `AMQPListener.serve`.
public struct AMQPServer: Sendable {
    /// Where to listen; port 0 is a free one, see `AMQPListener.port`.
    public var url: AMQPURL
    /// How TLS is spoken, where the URL begins with `amqps:`, which needs it.
    public var tls: TLSServerOptions?
    /// How connections are taken: who may log in (`authentication`), and what a peer may take of this process (`limits`).
    public var options: ConnectionOptions
    /// How many connections there may be at once, as in `Container.listen`; nil leaves that to the limit of open files.
    public var maxConnections: Int?
    /// Where losses of connections go; default that of the label `proton`.
    public var logger: Logger
    /// What watches the connections that are accepted: metrics, traces, and the like. Default none.
    ///
    /// The same instruments as of clients; a connection's host and port are those of the peer.
    public var instruments: [any AMQPInstrument] = []
    /// The container that the listener and its connections run in; nil, the default, is the one that all clients share.
    public var container: ContainerHandle?

    /// Creates a server.
    /// - Parameters:
    ///   - url: where to listen, as in `localhost:5672`.
    ///   - tls: how TLS is spoken, for a URL that begins with `amqps:`.
    ///   - options: how connections are taken.
    ///   - logger: where losses of connections go.
    /// - Throws: `AMQPURLError`.
    public init(
        _ url: String, tls: TLSServerOptions? = nil, options: ConnectionOptions = ConnectionOptions(),
        logger: Logger = Logger(label: "proton")
    ) throws {
        self.url = try AMQPURL(url)
        (self.tls, self.options, self.logger) = (tls, options, logger)
    }

    /// Listens from now on; `AMQPListener.close` ends it, and that nobody keeps the listener.
    /// - Throws: as `Container.listen`.
    public func listen() throws -> AMQPListener {
        let container = try container ?? ClientLoop.shared.container()
        let requests = RequestQueue<AMQPConnectionRequest>(bound: AMQPServer.maxWaitingRequests)
        let accepted = AcceptedConnections()
        let listener = try container.core.container.listen(
            url.description, options: options, tls: tls, maxConnections: maxConnections
        ) { [self] in
            // One that finds no room is refused as it is let go of.
            IncomingConnection(container, self, accepted, ask: requests.put)
        }
        return AMQPListener(listener, requests, accepted)
    }

    /// How many connections may wait for the program's decision; those that come then are refused.
    private static let maxWaitingRequests = 1_000

    /// Listens, runs the body with the listener, and closes that, whatever comes of the body.
    ///
    /// Connections that were accepted belong to the body: they live on until they are closed, or nobody keeps them.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws, and as `listen`.
    public func withListener<Result>(_ body: (AMQPListener) async throws -> Result) async throws -> Result {
        let listener = try listen()
        defer { listener.close() }
        return try await body(listener)
    }
}

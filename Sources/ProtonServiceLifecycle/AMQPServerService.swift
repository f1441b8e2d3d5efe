// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if ServiceLifecycle

public import Proton
public import ServiceLifecycle

/// An `AMQPServer` as a service: it listens, runs a body, and ends gracefully at a shutdown.
///
///     let work = AMQPServerService(server) { listener in
///         await listener.serve("upper") { request in try await answer(request) }
///     }
///     try await ServiceGroup(
///         services: [work], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
///     ).run()
///
/// At a graceful shutdown no more connections are accepted, and receivers get no more messages: see
/// `AMQPListener.finishReceiving`. `serve` answers the pending requests, closes its connections, and returns; other loops end
/// too, and then the body. The time limit is the group's `maximumGracefulShutdownDuration`; when it has passed, the body's task
/// is cancelled.
public struct AMQPServerService: Service {
    private let server: AMQPServer
    private let body: @Sendable (AMQPListener) async throws -> Void

    /// Creates a service, which listens when it runs.
    /// - Parameters:
    ///   - server: the server to listen with.
    ///   - body: the work with the listener.
    public init(_ server: AMQPServer, _ body: @escaping @Sendable (AMQPListener) async throws -> Void) {
        (self.server, self.body) = (server, body)
    }

    /// Listens, runs the body, and closes the listener.
    /// - Throws: the errors of the body and of `AMQPServer.listen`.
    public func run() async throws {
        try await server.withListener { listener in
            try await withGracefulShutdownHandler {
                try await body(listener)
            } onGracefulShutdown: {
                listener.finishReceiving()
            }
        }
    }
}

#endif

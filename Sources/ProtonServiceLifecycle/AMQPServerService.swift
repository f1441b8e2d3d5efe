// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if ServiceLifecycle

public import Proton
public import ServiceLifecycle

/// An `AMQPServer` as a service: it listens, runs a body, and ends it in good order when the process is to end.
///
///     let work = AMQPServerService(server) { listener in
///         await listener.serve("upper") { request in try await answer(request) }
///     }
///     try await ServiceGroup(
///         services: [work], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
///     ).run()
///
/// At a graceful shutdown no more connections are taken, and receivers get no more messages: `AMQPListener.finishReceiving`.
/// `serve` answers what has come, closes its connections, and returns; so do other loops, and then the body. How long it may
/// take is the group's `maximumGracefulShutdownDuration`; when that is over the body's task is cancelled.
public struct AMQPServerService: Service {
    private let server: AMQPServer
    private let body: @Sendable (AMQPListener) async throws -> Void

    /// Creates a service, which listens when it runs.
    /// - Parameters:
    ///   - server: where to listen, and how.
    ///   - body: what is done with the listener.
    public init(_ server: AMQPServer, _ body: @escaping @Sendable (AMQPListener) async throws -> Void) {
        (self.server, self.body) = (server, body)
    }

    /// Listens, runs the body, and closes the listener.
    /// - Throws: what the body throws; as `AMQPServer.listen`.
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

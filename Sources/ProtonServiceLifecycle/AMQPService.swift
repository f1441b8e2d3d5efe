// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if ServiceLifecycle

public import Proton
public import ServiceLifecycle

/// A connection of an `AMQPClient` as a service: it runs a body, and ends gracefully at a shutdown.
///
///     let work = AMQPService(client) { connection in
///         for try await delivery in connection.receiver(from: "jobs") {
///             try await work(on: delivery.message)
///             delivery.accept()
///         }
///     }
///     try await ServiceGroup(
///         services: [work], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
///     ).run()
///
/// At a graceful shutdown receivers get no more messages: see `AMQPConnection.finishReceiving`. The body handles those that have
/// arrived, and ends when its loops end; then the connection is closed, after the settlements were sent. A body without such a
/// loop checks for the shutdown itself, with `gracefulShutdown()` for instance.
///
/// If a service returns earlier, its group treats that as a failure: see `ServiceGroupConfiguration`. The time limit of a body is
/// the group's `maximumGracefulShutdownDuration`; when it has passed, the body's task is cancelled.
public struct AMQPService: Service {
    private let client: AMQPClient
    private let body: @Sendable (AMQPConnection) async throws -> Void

    /// Creates a service, which connects when it runs.
    /// - Parameters:
    ///   - client: the client to connect with.
    ///   - body: the work with the connection: links, loops, or another service that uses it.
    public init(_ client: AMQPClient, _ body: @escaping @Sendable (AMQPConnection) async throws -> Void) {
        (self.client, self.body) = (client, body)
    }

    /// Connects, runs the body, and closes the connection.
    ///
    /// If the connection ends meanwhile, and is not made again, the body is cancelled. A shutdown before the connection is open
    /// ends the service without the body.
    /// - Throws: the errors of the body and of `AMQPClient.connect`; the error that ended the connection; `CancellationError` if
    ///   the task is cancelled before the connection is open.
    public func run() async throws {
        let connection: AMQPConnection
        do {
            connection = try await cancelWhenGracefulShutdown { [client] in try await client.connect() }
        } catch is CancellationError where Task.isShuttingDownGracefully {
            return
        }
        do {
            try await withGracefulShutdownHandler {
                try await runBody(with: connection)
            } onGracefulShutdown: {
                connection.finishReceiving()
            }
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }

    /// Runs the body, and cancels it if the connection ends meanwhile, and is not made again.
    private func runBody(with connection: AMQPConnection) async throws {
        let events = connection.events
        try await withThrowingTaskGroup(of: Ended.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                try await body(connection)
                return .body
            }
            group.addTask {
                for await event in events {
                    if case .ended(let error?) = event { throw error }
                }
                return .connection
            }
            while let ended = try await group.next(), ended != .body {}
        }
    }

    /// What ended without an error.
    private enum Ended {
        case body, connection
    }
}

#endif

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if ServiceLifecycle

public import Proton
public import ServiceLifecycle

/// A connection of an `AMQPClient` as a service: it runs a body, and ends it in good order when the process is to end.
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
/// At a graceful shutdown receivers get no more messages: `AMQPConnection.finishReceiving`. The body goes on with those that
/// have come, and ends as its loops do; then the connection is closed, and what was settled has gone out. A body without
/// such a loop asks for the shutdown itself, by `gracefulShutdown()` and the like.
///
/// A group takes a service that returns before for a failure: `ServiceGroupConfiguration` says what it does then. How long a
/// body may take is the group's `maximumGracefulShutdownDuration`; when that is over the body's task is cancelled.
public struct AMQPService: Service {
    private let client: AMQPClient
    private let body: @Sendable (AMQPConnection) async throws -> Void

    /// Creates a service, which connects when it runs.
    /// - Parameters:
    ///   - client: where to connect to, and how.
    ///   - body: what is done with the connection: links, loops, or another service that uses it.
    public init(_ client: AMQPClient, _ body: @escaping @Sendable (AMQPConnection) async throws -> Void) {
        (self.client, self.body) = (client, body)
    }

    /// Connects, runs the body, and closes the connection; where that ends before, and is not made again, the body is cancelled. A shutdown before the peer has opened it ends it without the body.
    /// - Throws: what the body throws; what ended the connection; as `AMQPClient.connect`; `CancellationError` where the task is cancelled before the
    ///   connection is open.
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

    /// Runs the body, and cancels it where the connection ends for good meanwhile.
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

    /// What has ended without an error.
    private enum Ended {
        case body, connection
    }
}

#endif

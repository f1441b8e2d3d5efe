// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
package import Proton
package import ProtonEngine

/// A broker whose loop does not run, and that does not listen, since a test moves its connections' bytes.
///
/// It belongs to one thread.
package final class InMemoryBroker {
    private let container: Container
    private let context: BrokerContext
    private let metrics: BrokerMetrics?
    /// Counts the connections, where the options limit them.
    private let listener: Listener?

    /// - Throws: `ProtonError.Code.invalidArgument` for options that make no sense, or name a store.
    package init(_ options: BrokerOptions, clock: any ContainerClock) throws {
        try options.validate()
        guard options.store == nil else {
            throw ProtonError(
                .invalidArgument,
                "store: a store writes on a thread of its own, which a broker in memory has none of: use `withBroker`.")
        }
        var options = options
        options.threads = 1
        let queueClock = QueueClock(clock)
        let limitLog = BrokerContext.limitLog(options, queueClock)
        container = try Container(
            id: options.containerID ?? "broker",
            options: options.connectionOptions(options.guardedUsers(queueClock, limitLog), isExposed: false),
            clock: clock,
            logger: options.logger ?? Logger(label: "proton"))
        context = try BrokerContext(options, clock: queueClock, limitLog: limitLog)
        listener = options.maxConnections.map { Listener(address: "memory", maxConnections: $0) }
        metrics = context.useTimers(of: container, name: "memory")
        metrics?.start()
    }

    deinit { context.end() }

    /// Takes a connection of a client.
    /// - Parameter wake: tells who drives it that another thread wants something done with it, such as a log-in's end.
    package func accept(wake: (@Sendable () -> Void)? = nil) throws -> ConnectionDriver {
        try container.acceptInMemory(on: listener, ConnectionHandler(context), wake: wake)
    }

    /// Runs the timers that are due.
    /// - Returns: whether there was one.
    package func turn() throws -> Bool { try container.turnInMemory() }

    /// Ends a connection that was accepted.
    package func end(_ connection: Connection) { container.endInMemory(connection) }

    /// What the broker holds and whom it serves now.
    package var status: BrokerStatus { context.status }

    /// The broker as other threads may look at it.
    package var view: View { View(context: context) }

    /// A broker as any thread may look at it.
    package struct View: Sendable {
        let context: BrokerContext

        /// What the broker holds and whom it serves now.
        package var status: BrokerStatus { context.status }

        /// Waits until the broker is in some state, as `Broker.wait` does.
        package func wait(
            atMost limit: Duration, until condition: @escaping @Sendable (BrokerStatus) -> Bool
        ) async throws -> BrokerStatus {
            try await context.wait(atMost: limit, until: condition)
        }
    }
}

extension BrokerStatus {
    /// That of no broker.
    package static var none: BrokerStatus {
        BrokerStatus(queues: [], connections: [], bytes: 0, received: 0, removed: 0, storeFailure: nil)
    }
}

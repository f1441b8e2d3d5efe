// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
package import Proton
package import ProtonEngine

/// A broker that does not listen and whose loop does not run, since a test moves the bytes of its connections.
///
/// It belongs to one thread.
package final class InMemoryBroker {
    private let container: Container
    private let context: BrokerContext
    private let metrics: BrokerMetrics?
    /// Counts the connections, if the options limit them.
    private let listener: Listener?

    /// - Throws: `ProtonError.Code.invalidArgument` for invalid options, and for a store.
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

    /// Accepts a connection of a client.
    /// - Parameter wake: called when another thread has work for the connection, such as the end of an authentication.
    package func accept(wake: (@Sendable () -> Void)? = nil) throws -> ConnectionDriver {
        try container.acceptInMemory(on: listener, ConnectionHandler(context), wake: wake)
    }

    /// Runs the timers that are due.
    /// - Returns: whether there were any.
    package func turn() throws -> Bool { try container.turnInMemory() }

    /// Ends a connection that was accepted.
    package func end(_ connection: Connection) { container.endInMemory(connection) }

    /// The current queues, connections and counts of the broker.
    package var status: BrokerStatus { context.status }

    /// A view of the broker for other threads.
    package var view: View { View(context: context) }

    /// A view of a broker that any thread may use.
    package struct View: Sendable {
        let context: BrokerContext

        /// The current queues, connections and counts of the broker.
        package var status: BrokerStatus { context.status }

        /// Waits until the broker's status meets a condition, as `Broker.wait` does.
        package func wait(
            atMost limit: Duration, until condition: @escaping @Sendable (BrokerStatus) -> Bool
        ) async throws -> BrokerStatus {
            try await context.wait(atMost: limit, until: condition)
        }
    }
}

extension BrokerStatus {
    /// The status without a broker.
    package static var none: BrokerStatus {
        BrokerStatus(queues: [], connections: [], bytes: 0, received: 0, removed: 0, storeFailure: nil)
    }
}

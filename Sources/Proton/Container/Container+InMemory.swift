// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import Logging
package import ProtonEngine

extension Container {
    /// Creates a container whose connections and listeners use a network in memory when it runs.
    package convenience init(
        network: any LoopNetwork, id: String? = nil, clock: any ContainerClock, logger: Logger = Logger(label: "proton")
    ) throws {
        try self.init([], id, ConnectionOptions(), logger, Loop(clock: clock, network: network))
    }
}

/// Containers whose loop does not run, since a test moves the bytes of their connections.
extension Container {
    /// Calls the handlers' `onStart`: `takeConnectionsInMemory` then returns the connections that they make.
    /// - Throws: the errors of the handlers.
    package func startInMemory() throws { try tellStart() }

    /// Takes the connections that were made since the last call, each with a driver in place of a socket.
    package func takeConnectionsInMemory() throws -> [ConnectionDriver] {
        try loop.takePending().compactMap { connection in
            // All connections here are made by `connect`.
            guard let context = connection.context, let candidate = try context.beginInMemory() else { return nil }
            let configuration = try context.transport(for: candidate)
            context.prepare(connection, for: candidate)
            return ConnectionDriver(connection, configuration)
        }
    }

    /// Creates a connection that a peer made; it has no handlers yet.
    func makeIncomingConnection(_ options: ConnectionOptions) -> Connection {
        let connection = Connection(
            isIncoming: true, limits: options.limits, owner: ConnectionContext(core, nil),
            eventHandler: HandlerPipeline([]))
        connection.containerID = options.containerID ?? id
        options.apply(to: connection)
        return connection
    }

    /// Accepts the connection of a peer.
    /// - Parameters:
    ///   - listener: the listener whose limit counts the connection, if it has one.
    ///   - handler: the handler of its events; nil is the container's handlers.
    ///   - wake: called when another thread has work for the connection, to wake the code that drives it.
    package func acceptInMemory(
        on listener: Listener? = nil, _ handler: (any ProtonHandler)? = nil, wake: (@Sendable () -> Void)? = nil
    ) throws -> ConnectionDriver {
        let connection = makeIncomingConnection(connectionOptions)
        try loop.connect(connection)
        _ = loop.takePending()
        if let listener, case .refused = connection.admit(by: listener) {
        } else {
            connection.eventHandler = try eventHandler(handler)
        }
        return ConnectionDriver(connection, connectionOptions.serverTransport(isLoopback: true), wake: wake)
    }

    /// Runs the timers that are due, and the work of other threads.
    /// - Returns: whether there was any.
    package func turnInMemory() throws -> Bool { try loop.turn() }

    /// Whether `run` would return if it were running: no connection is left, and no timer that keeps it running.
    package var isIdleInMemory: Bool { loop.isIdle }

    /// Ends a connection that has a driver, and frees it.
    package func endInMemory(_ connection: Connection) {
        loop.connectionFinished(connection)
        connection.discard()
    }

    /// Ends the connections that were made since the last call, and have no driver.
    /// - Returns: the number of connections.
    @discardableResult
    package func dropConnectionsInMemory() -> Int {
        let connections = loop.takePending()
        for connection in connections {
            loop.connectionFinished(connection)
            connection.discard()
        }
        return connections.count
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import Logging
package import ProtonEngine

extension Container {
    /// A container whose connections, and those that it listens for, go over a network in memory once it runs.
    package convenience init(
        network: any LoopNetwork, id: String? = nil, clock: any ContainerClock, logger: Logger = Logger(label: "proton")
    ) throws {
        try self.init([], id, ConnectionOptions(), logger, Loop(clock: clock, network: network))
    }
}

/// Containers whose loop does not run, since a test moves their connection's bytes.
extension Container {
    /// Tells the handlers of the start: what they connect to is what `takeConnectionsInMemory` returns then.
    /// - Throws: what the handlers throw.
    package func startInMemory() throws { try tellStart() }

    /// Takes the connections that were made since the last call, each with a driver in the place of a socket.
    package func takeConnectionsInMemory() throws -> [ConnectionDriver] {
        try loop.takePending().compactMap { connection in
            // What is made here is made by `connect`.
            guard let context = connection.context, let candidate = try context.beginInMemory() else { return nil }
            let configuration = try context.transport(for: candidate)
            context.prepare(connection, for: candidate)
            return ConnectionDriver(connection, configuration)
        }
    }

    /// A connection that a peer has made; nobody is told of its events yet.
    func makeIncomingConnection(_ options: ConnectionOptions) -> Connection {
        let connection = Connection(
            isIncoming: true, limits: options.limits, owner: ConnectionContext(core, nil),
            eventHandler: HandlerPipeline([]))
        connection.containerID = options.containerID ?? id
        options.apply(to: connection)
        return connection
    }

    /// Takes the connection of a peer.
    /// - Parameters:
    ///   - listener: among whose connections it is counted, where that has a limit.
    ///   - handler: what is told of its events; nil is the container's handlers.
    ///   - wake: tells who drives the connection that another thread wants something done with it.
    package func acceptInMemory(
        on listener: Listener? = nil, _ handler: (any ProtonHandler)? = nil, wake: (@Sendable () -> Void)? = nil
    ) throws -> ConnectionDriver {
        let connection = makeIncomingConnection(connectionOptions)
        try loop.connect(connection)
        _ = loop.takePending()
        if let listener, case .refused = connection.takePlace(of: listener) {
        } else {
            connection.eventHandler = try eventHandler(handler)
        }
        return ConnectionDriver(connection, connectionOptions.serverTransport(isLoopback: true), wake: wake)
    }

    /// Runs the timers that are due, and what other threads want done.
    /// - Returns: whether there was something.
    package func turnInMemory() throws -> Bool { try loop.turn() }

    /// Whether `run` would return, were it running: no connection is left, and no timer that keeps it up.
    package var isIdleInMemory: Bool { loop.isIdle }

    /// Ends a connection that has a driver, which frees it.
    package func endInMemory(_ connection: Connection) {
        loop.connectionFinished(connection)
        connection.discard()
    }

    /// Ends the connections that were made since the last call, and have no driver.
    /// - Returns: how many there were.
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

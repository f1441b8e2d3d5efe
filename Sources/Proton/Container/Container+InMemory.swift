package import ProtonEngine

/// Containers whose loop does not run, since a test moves their connection's bytes.
extension Container {
    /// Tells the handlers of the start, and takes the connection that they make, or one that is made for them.
    /// - Throws: what the handlers throw; `ProtonError.Code.invalidArgument` where they make several connections.
    package func startInMemory() throws -> ConnectionDriver {
        try tellStart()
        var connections = loop.takePending()
        if connections.isEmpty {
            try connect("localhost")
            connections = loop.takePending()
        }
        guard connections.count == 1, let connection = connections.first, let connector = connection.context?.connector
        else {
            for connection in connections { refuse(connection) }
            throw Container.tooManyConnections
        }
        try connector.change(urls: nil) { $0.reconnect = nil }
        connector.beginAttempt(of: connection, at: now)
        return ConnectionDriver(connection, connector.options.transport(isServer: false))
    }

    /// A connection that a peer has made; nobody is told of its events yet.
    func makeIncomingConnection(_ options: ConnectionOptions) -> Connection {
        let connection = Connection(isIncoming: true, limits: options.limits, eventHandler: HandlerGroup([]))
        connection.attachment = ConnectionContext(container: self, connector: nil)
        connection.containerID = options.containerID ?? id
        options.apply(to: connection)
        return connection
    }

    /// Takes the connection of a peer.
    package func acceptInMemory() throws -> ConnectionDriver {
        let connection = makeIncomingConnection(connectionOptions)
        connection.eventHandler = ownEventHandler
        try loop.connect(connection)
        _ = loop.takePending()
        return ConnectionDriver(connection, connectionOptions.transport(isServer: true))
    }

    /// Runs the timers that are due, and what other threads want done.
    /// - Returns: whether there was something.
    package func turnInMemory() throws -> Bool {
        let more = loop.takePending()
        guard more.isEmpty else {
            for connection in more { refuse(connection) }
            throw Container.tooManyConnections
        }
        return try loop.turn()
    }

    /// Ends a connection that has a driver, which frees it.
    package func endInMemory(_ connection: Connection) {
        loop.connectionFinished(connection)
        connection.workQueue.domain.enter()
        defer { connection.workQueue.domain.leave() }
        try? connection.workQueue.close { connection.finish() }
    }

    /// Ends a connection that has no driver.
    private func refuse(_ connection: Connection) {
        loop.connectionFinished(connection)
        connection.discard()
    }

    private static var tooManyConnections: ProtonError {
        ProtonError(.invalidArgument, "The client of a pair in memory makes one connection: it has made another one.")
    }
}

public import ProtonEngine

/// What the container keeps with each connection.
final class ConnectionContext {
    // The container runs the connection's loop, and events are made while it does.
    unowned let container: Container
    /// How the program connects; nil of a connection that a peer made.
    let connector: Connector?
    /// The link for transactions, made with the first one.
    var coordinator: Coordinator?

    init(container: Container, connector: Connector?) {
        self.container = container
        self.connector = connector
    }
}

extension Connection {
    var context: ConnectionContext? { attachment as? ConnectionContext }

    /// The container that the connection belongs to.
    public var container: Container {
        // Every connection is made by a container, which gives it its context before anyone else sees it.
        guard let context else { preconditionFailure("A connection of a container has a context.") }
        return context.container
    }
}

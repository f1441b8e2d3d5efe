// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

/// The container's data for a connection, and the delegate that the engine asks about it.
///
/// `@unchecked Sendable`: its variables are used in the connection's domain only.
final class ConnectionContext: @unchecked Sendable {
    let core: ContainerCore
    /// How the program's connection is made, and made again; nil for a connection that a peer made.
    var reconnection: Reconnection?
    /// The link for transactions, created with the first transaction.
    var coordinator: Coordinator?

    init(_ core: ContainerCore, _ reconnection: Reconnection?) {
        self.core = core
        self.reconnection = reconnection
    }

    var loop: Loop { core.loop }

    /// Whether the program chose the connection's container id, so that it stays the same from one run to the next.
    var hasChosenID: Bool { (reconnection?.options ?? core.options).containerID != nil || core.isNamed }
}

extension ConnectionContext: ConnectionOwner {
    func mayBorrow(_ queue: WorkQueue) -> Bool { loop.mayBorrow(queue) }

    func runItems(of queue: WorkQueue) { loop.runItems(of: queue) }

    var isDispatching: Bool { loop.isDispatching }

    func connectionOpened(_ connection: Connection) {
        loop.cancelDeadline(of: connection)
        _ = answer(to: .opened)
    }

    func setDeadline(
        of connection: Connection, after time: Duration, _ work: @escaping @Sendable (Connection) throws -> Void
    ) {
        loop.setDeadline(of: connection, after: time, work)
    }

    func connectionFinished(_ connection: Connection) { loop.connectionFinished(connection) }
}

extension Connection {
    var context: ConnectionContext? { owner as? ConnectionContext }

    /// The container that the connection belongs to.
    public var container: Container {
        // Every connection is created by a container, which sets its context.
        guard let context else { preconditionFailure("A connection of a container has a context.") }
        return context.core.container
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// The connections that a listener's program has accepted and that still exist.
final class AcceptedConnections: Sendable {
    private struct Entry {
        weak var connection: ClientConnection?
    }

    private struct State {
        var entries: [Entry] = []
        /// The number of entries at which those of released connections are removed.
        var bound = 64
        var isFinishing = false
    }

    private let state = UncheckedMutex(State())

    /// Whether the receivers of all connections are finished.
    var isFinishing: Bool { state.withLock(\.isFinishing) }

    func add(_ connection: ClientConnection) {
        let finishes = state.withLock { state in
            if state.entries.count >= state.bound {
                state.entries.removeAll { $0.connection == nil }
                state.bound = max(64, 2 * state.entries.count)
            }
            state.entries.append(Entry(connection: connection))
            return state.isFinishing
        }
        if finishes { AcceptedConnections.finish(connection) }
    }

    /// Finishes the receivers of all connections, and those of connections that are accepted later.
    func finishReceiving() {
        let connections = state.withLock { state in
            state.isFinishing = true
            return state.entries.compactMap(\.connection)
        }
        for connection in connections { AcceptedConnections.finish(connection) }
    }

    private static func finish(_ connection: ClientConnection) {
        connection.finishReceiving()
        connection.linkRequests?.finish()
    }
}

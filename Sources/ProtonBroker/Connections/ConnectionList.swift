// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Synchronization

/// The connections of a broker; all of its threads use it.
final class ConnectionList: Sendable {
    private struct Peer {
        let number: UInt64
        var status: ConnectionStatus
    }

    private struct State {
        var peers: [ObjectIdentifier: Peer] = [:]
        var count: UInt64 = 0
    }

    private let state = Mutex(State())
    private let changes: Changes

    init(_ changes: Changes) { self.changes = changes }

    /// A peer has opened its connection.
    func add(_ connection: Connection, _ principal: Principal) {
        let status = ConnectionStatus(
            containerID: connection.remoteContainerID ?? "", user: principal.user?.text,
            address: connection.transport?.remoteAddress ?? "", links: 0)
        let id = ObjectIdentifier(connection)
        state.withLock { state in
            state.count += 1
            state.peers[id] = Peer(number: state.count, status: status)
        }
        changes.note()
    }

    /// A connection has got links, or lost some.
    func addLinks(_ count: Int, to connection: Connection) {
        let id = ObjectIdentifier(connection)
        state.withLock { $0.peers[id]?.status.links += count }
        changes.note()
    }

    /// A connection has ended.
    func remove(_ connection: Connection) {
        let id = ObjectIdentifier(connection)
        state.withLock { _ = $0.peers.removeValue(forKey: id) }
        changes.note()
    }

    /// The connections, the oldest first.
    var all: [ConnectionStatus] {
        state.withLock { state in state.peers.values.sorted { $0.number < $1.number }.map(\.status) }
    }
}

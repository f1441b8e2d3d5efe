// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Synchronization

/// The connections of a broker; all of its threads use it.
final class ConnectionList: Sendable {
    private struct Peer {
        let number: UInt64
        var status: ConnectionStatus
        var links: [ObjectIdentifier: ManagedLink] = [:]
    }

    private struct State {
        var peers: [ObjectIdentifier: Peer] = [:]
        var count: UInt64 = 0
        var linkCount: UInt64 = 0
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

    /// Adds a link of a connection.
    /// - Parameter address: the address of the link's node; nil if it has none.
    func add(_ link: Link, address: String?) {
        let (id, linkID, name) = (ObjectIdentifier(link.connection), ObjectIdentifier(link), link.name)
        let isSender = !link.isSender
        state.withLock { state in
            guard let number = state.peers[id]?.number else { return }
            state.linkCount += 1
            state.peers[id]?.links[linkID] = ManagedLink(
                number: state.linkCount, connection: number, name: name, isSender: isSender, address: address)
        }
        changes.note()
    }

    /// Removes a link of a connection.
    func remove(_ link: Link) {
        let (id, linkID) = (ObjectIdentifier(link.connection), ObjectIdentifier(link))
        state.withLock { _ = $0.peers[id]?.links.removeValue(forKey: linkID) }
        changes.note()
    }

    /// A connection has ended.
    func remove(_ connection: Connection) {
        let id = ObjectIdentifier(connection)
        state.withLock { _ = $0.peers.removeValue(forKey: id) }
        changes.note()
    }

    /// The connections, the oldest first.
    var all: [ConnectionStatus] { managed.map(\.status) }

    /// The connections with their numbers.
    var managed: [ManagedConnection] {
        state.withLock { state in
            state.peers.values.sorted { $0.number < $1.number }.map { peer in
                var status = peer.status
                status.links = peer.links.count
                return ManagedConnection(number: peer.number, status: status)
            }
        }
    }

    /// The links of all connections, the oldest first.
    var links: [ManagedLink] {
        state.withLock { state in state.peers.values.flatMap { Array($0.links.values) } }.sorted {
            $0.number < $1.number
        }
    }
}

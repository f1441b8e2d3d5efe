// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The permissions of a connection's peer. It belongs to the connection's domain.
final class PeerAccess {
    let principal: Principal
    /// Identifies the connection, which may receive from the dynamic nodes that it created.
    let connection: ObjectIdentifier
    private let rules: CurrentRules
    private let table: AddressTable
    /// Addresses that messages of the anonymous relay may go to, by the rules of a version.
    private var relayed: Set<Address> = []
    private var relayedVersion: UInt64 = 0

    /// How many answers for the anonymous relay are cached.
    private static let maxKept = 256

    init(_ principal: Principal, _ connection: Connection, _ context: BrokerContext) {
        self.principal = principal
        self.connection = ObjectIdentifier(connection)
        rules = context.rules
        table = context.table
    }

    // MARK: Links

    /// - Throws: if no action is allowed to the peer.
    func requireAnything() throws(ConditionError) {
        guard let rules = rules.current, !rules.allowAnything(to: principal) else { return }
        throw PeerAccess.error("\(name) may do nothing here.")
    }

    /// - Throws: if the peer may not send to an address: the same whether or not there is a node.
    func requireSending(to address: String) throws(ConditionError) {
        // The address of a dynamic node is known only to peers that its creator has told: 122 random bits cannot be guessed.
        guard !maySend(to: address), table.maker(ofDynamic: address) == nil else { return }
        throw PeerAccess.error("\(name) may not send to \(address.escapedForLog(upTo: 200)).")
    }

    /// - Throws: if the peer may not receive from an address: the same whether or not there is a node.
    func requireReceiving(from address: String) throws(ConditionError) {
        guard !mayReceive(from: address), table.maker(ofDynamic: address) != connection else { return }
        throw PeerAccess.error("\(name) may not receive from \(address.escapedForLog(upTo: 200)).")
    }

    /// Whether rules allow the peer to receive from an address.
    func mayReceive(from address: String) -> Bool { rules.current?.allows(.receive, address, to: principal) ?? true }

    /// Whether the peer may create a node by its use of an address.
    func mayCreate(_ address: String) -> Bool { rules.current?.allows(.create, address, to: principal) ?? true }

    /// Whether the peer may use the subscriptions of other users to an address.
    func mayManage(_ address: String) -> Bool { rules.current?.allows(.manage, address, to: principal) ?? false }

    /// The permissions of the peer at the management node.
    var managementRights: ManagementRights {
        guard let rules = rules.current, !rules.allows(.manage, ManagementNode.address, to: principal) else {
            return .all
        }
        return .some(rules, principal)
    }

    /// - Throws: if the peer may manage nothing.
    func requireManaging() throws(ConditionError) {
        guard let rules = rules.current, !rules.allowAnything(.manage, to: principal) else { return }
        throw PeerAccess.error("\(name) may manage nothing here.")
    }

    /// The error for a peer that may not create a missing queue: it may use the address, so that this discloses nothing.
    func missingQueue(_ address: String) -> ConditionError {
        ConditionError(.notFound, "There is no queue \(address), and \(name) may not make one.")
    }

    /// The error for a peer that may not use a subscription.
    func error(_ what: String, subscription name: String) -> ConditionError {
        PeerAccess.error("\(self.name) may not \(what) \(name.escapedForLog(upTo: 200)).")
    }

    /// Whether rules allow the peer to send to an address.
    private func maySend(to address: String) -> Bool { rules.current?.allows(.send, address, to: principal) ?? true }

    private var name: String { principal.name.escapedForLog(upTo: 200) }

    private static func error(_ text: String) -> ConditionError { ConditionError(.unauthorizedAccess, text) }

    // MARK: Messages without a link to their node

    /// - Throws: if the peer may not send to an address, as `requireSending` does; answers are cached.
    func requireRelaying(to address: String) throws(ConditionError) {
        let version = rules.version
        if version != relayedVersion { (relayed, relayedVersion) = ([], version) }
        let key = Address(address)
        if relayed.contains(key) { return }
        guard maySend(to: address) else { return try requireSending(to: address) }
        if relayed.count >= PeerAccess.maxKept { relayed = [] }
        relayed.insert(key)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The current permissions of a peer at the management node.
enum ManagementRights {
    /// Everything: there are no rules, or one allows `manage` at the node's own address.
    case all
    /// The nodes at whose address rules allow `manage`.
    case some(AccessRules, Principal)

    /// Whether they include a node of the broker.
    /// - Parameter address: the address of the node; nil is the broker itself, and an entity without an address.
    func cover(_ address: String?) -> Bool {
        switch self {
        case .all: true
        case .some(let rules, let principal): address.map { rules.allows(.manage, $0, to: principal) } ?? false
        }
    }

    /// Whether they include an entity.
    func cover(_ entity: ManagedEntity) -> Bool {
        switch entity {
        case .node: true
        case .broker, .connection: cover(nil)
        case .queue(let queue): cover(queue.subscription?.address ?? queue.status.address)
        case .link(let link): cover(link.address)
        }
    }

    /// Checks the permission for an entity before the lookup, if its name is sufficient.
    /// - Throws: if the permissions do not include it.
    func require(_ target: ManagementRequest.Target) throws(ManagementError) {
        switch target.type {
        // The name has no address: the entity is looked up, and reported as missing if it is not included.
        case .node, .subscription, .link: return
        case .queue: try requireCovered(target.name)
        case .broker, .connection: try requireCovered(nil)
        }
    }

    func requireCovered(_ address: String?) throws(ManagementError) {
        guard !cover(address) else { return }
        let what = address.map { $0.escapedForLog(upTo: 200) } ?? ManagementNode.address
        throw ManagementError(.forbidden, "No rule allows you to manage \(what).")
    }
}

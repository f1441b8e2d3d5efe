// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// What a peer may do by the management node, as the rules have it at the moment.
enum ManagementRights {
    /// Everything: there are no rules, or one allows `manage` at the node's own address.
    case all
    /// What rules allow `manage` at the address of.
    case some(AccessRules, Principal)

    /// Whether they cover a node of the broker's.
    /// - Parameter address: the node's; nil is the broker itself, and whatever has no address of its own.
    func cover(_ address: String?) -> Bool {
        switch self {
        case .all: true
        case .some(let rules, let principal): address.map { rules.allows(.manage, $0, to: principal) } ?? false
        }
    }

    /// Whether they cover an entity.
    func cover(_ entity: ManagedEntity) -> Bool {
        switch entity {
        case .node: true
        case .broker, .connection: cover(nil)
        case .queue(let queue): cover(queue.subscription?.address ?? queue.status.address)
        case .link(let link): cover(link.address)
        }
    }

    /// What is answered to a peer that may not have something, before anything is looked up where the name says it.
    /// - Throws: where the rights do not cover it.
    func require(_ target: ManagementRequest.Target) throws(ManagementError) {
        switch target.type {
        // Those that have no address in their name are looked up, and are not there for those who may not see them.
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

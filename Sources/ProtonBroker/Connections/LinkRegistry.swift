// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Synchronization

/// The names of the links that peers have attached: one at a time for each user, container, name and direction (AMQP 1.0,
/// 2.6.1).
///
/// A container that attaches a link again, over another session or connection, steals it: the old one is detached with
/// `amqp:link:stolen`, and then the new one is attached. A container of the same name that another user has logged in from is
/// another container.
final class LinkRegistry: Sendable {
    /// What tells a link from others. Texts are compared byte by byte.
    struct Key: Hashable, Sendable {
        private let user: UserName?
        private let container: [UInt8]
        private let name: [UInt8]
        private let isSender: Bool

        /// - Parameter user: nil of a peer that has not logged in.
        init(user: UserName?, container: String, name: String, isSender: Bool) {
            self.user = user
            (self.container, self.name, self.isSender) = (Array(container.utf8), Array(name.utf8), isSender)
        }
    }

    /// A link's claim to its name.
    final class Claim: Sendable {
        fileprivate let key: Key
        /// Detaches the link, soon, or refuses it where it is not attached yet. Called on any of the broker's threads.
        fileprivate let steal: @Sendable () -> Void
        /// Attaches the link, soon: its name is free. Called on any of the broker's threads.
        fileprivate let attach: @Sendable () -> Void

        init(_ key: Key, steal: @escaping @Sendable () -> Void, attach: @escaping @Sendable () -> Void) {
            (self.key, self.steal, self.attach) = (key, steal, attach)
        }
    }

    private struct Entry {
        var holder: Claim
        /// The link that is attached once the holder is detached.
        var successor: Claim?
    }

    private let entries = Mutex<[Key: Entry]>([:])

    /// Claims a link's name.
    /// - Returns: whether the link has it; if not, it is attached once the link that has it is detached, which is asked for.
    func take(_ claim: Claim) -> Bool {
        let stolen = entries.withLock { entries in
            guard let entry = entries[claim.key] else {
                entries[claim.key] = Entry(holder: claim)
                return [Claim]()
            }
            entries[claim.key]?.successor = claim
            // One that waits already has nothing to wait for any more.
            return [entry.successor, entry.holder].compactMap(\.self)
        }
        for claim in stolen { claim.steal() }
        return stolen.isEmpty
    }

    /// Gives up a link's name: the link is detached, or closed.
    func release(_ claim: Claim) {
        let next = entries.withLock { entries -> Claim? in
            guard let entry = entries[claim.key] else { return nil }
            if entry.successor === claim { entries[claim.key]?.successor = nil }
            guard entry.holder === claim else { return nil }
            guard let successor = entry.successor else {
                entries[claim.key] = nil
                return nil
            }
            entries[claim.key] = Entry(holder: successor)
            return successor
        }
        next?.attach()
    }
}

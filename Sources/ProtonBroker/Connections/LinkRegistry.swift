// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Synchronization

/// The names of the attached links: each is unique for a user, container, name and direction (AMQP 1.0, 2.6.1).
///
/// If a container attaches a link again, over another session or connection, it steals the link: the old one is detached with
/// `amqp:link:stolen`, and then the new one is attached. A container of the same name with another user is a different container.
final class LinkRegistry: Sendable {
    /// Identifies a link. Strings are compared byte by byte.
    struct Key: Hashable, Sendable {
        private let user: UserName?
        private let container: [UInt8]
        private let name: [UInt8]
        private let isSender: Bool

        /// - Parameter user: nil for a peer that has not authenticated.
        init(user: UserName?, container: String, name: String, isSender: Bool) {
            self.user = user
            (self.container, self.name, self.isSender) = (Array(container.utf8), Array(name.utf8), isSender)
        }
    }

    /// A link's claim to its name.
    final class Claim: Sendable {
        fileprivate let key: Key
        /// Schedules the detach of the link, or its refusal if it is not attached yet. Called on any of the broker's threads.
        fileprivate let steal: @Sendable () -> Void
        /// Schedules the attach of the link: its name is free. Called on any of the broker's threads.
        fileprivate let attach: @Sendable () -> Void

        init(_ key: Key, steal: @escaping @Sendable () -> Void, attach: @escaping @Sendable () -> Void) {
            (self.key, self.steal, self.attach) = (key, steal, attach)
        }
    }

    private struct Entry {
        var holder: Claim
        /// The link that is attached when the holder is detached.
        var successor: Claim?
    }

    private let entries = Mutex<[Key: Entry]>([:])

    /// Claims a link's name.
    /// - Returns: whether the link has it; if not, the link that has it is asked to detach, and then this one is attached.
    func take(_ claim: Claim) -> Bool {
        let stolen = entries.withLock { entries in
            guard let entry = entries[claim.key] else {
                entries[claim.key] = Entry(holder: claim)
                return [Claim]()
            }
            entries[claim.key]?.successor = claim
            // A link that waits already is replaced.
            return [entry.successor, entry.holder].compactMap(\.self)
        }
        for claim in stolen { claim.steal() }
        return stolen.isEmpty
    }

    /// Releases a link's name: the link is detached or closed.
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

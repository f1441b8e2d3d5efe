// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The numbers of connections of hosts and users; each of the broker's threads may use it.
final class PeerCounts: Sendable {
    /// The host or the user whose connections are counted.
    enum Key: Hashable, Sendable {
        case host(PeerHost)
        case user(UserName)
    }

    private let counts = Mutex<[Key: Int]>([:])

    /// A counted connection, until it is released.
    final class Place: Sendable {
        /// The number of connections with this one when it was added.
        let number: Int
        private let key: Key
        private let counts: PeerCounts

        fileprivate init(_ key: Key, _ counts: PeerCounts) {
            (self.key, self.counts) = (key, counts)
            number = counts.counts.withLock { counts in
                counts[key, default: 0] += 1
                return counts[key] ?? 1
            }
        }

        deinit {
            counts.counts.withLock { [key] counts in
                let left = (counts[key] ?? 1) - 1
                counts[key] = left > 0 ? left : nil
            }
        }
    }

    func count(_ key: Key) -> Place { Place(key, self) }

    /// The number of hosts and users.
    var count: Int { counts.withLock { $0.count } }
}

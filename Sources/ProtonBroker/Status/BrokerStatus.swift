// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What a broker holds and whom it serves, at one moment.
///
/// Queues and connections are looked at one after the other: between two of them messages may have moved.
public struct BrokerStatus: Sendable {
    /// The queues, in the order of their addresses.
    public var queues: [QueueStatus]
    /// The connections whose peers have opened them, the oldest first.
    public var connections: [ConnectionStatus]
    /// How many bytes of memory the messages of all queues take.
    public var bytes: Int
    /// How many messages have come into queues since the broker was made; one that goes to several counts for each.
    public var received: UInt64
    /// How many messages have left their queues for good: accepted, rejected, expired or dropped.
    public var removed: UInt64
    /// Why the store cannot be written, so that no durable message is accepted; nil where it can, or there is none.
    public var storeFailure: String?

    /// The queue with an address; nil where there is none, or none any more.
    ///
    /// An empty queue that no link is attached to is forgotten.
    public func queue(_ address: String) -> QueueStatus? { queues.first { $0.address == address } }

    /// How many messages wait, or have been sent and are not settled, in all queues.
    public var messages: Int { queues.reduce(0) { $0 + $1.waiting + $1.unsettled } }
}

/// What a queue of a broker holds and whom it serves, at one moment.
public struct QueueStatus: Sendable, Hashable {
    /// The address that links attach to.
    public var address: String
    /// How many messages wait to be sent: its depth.
    public var waiting: Int
    /// How many messages were given to consumers, or to open transactions, and are not settled.
    public var unsettled: Int
    /// How many bytes its messages take, those included that are not settled.
    public var bytes: Int
    /// How many links receive from it, browsers included.
    public var consumers: Int
    /// How many links send to it.
    public var senders: Int
    /// How many messages have come into it since it was made.
    public var received: UInt64
    /// How many messages have left it for good since it was made.
    public var removed: UInt64
}

/// A connection of a broker, at one moment.
public struct ConnectionStatus: Sendable, Hashable {
    /// The peer's container id, as it says itself.
    public var containerID: String
    /// The user that the peer has logged in as; nil where it has not.
    public var user: String?
    /// Where the peer is, as in `127.0.0.1:40312`.
    public var address: String
    /// How many links it has.
    public var links: Int
}

/// Tells those who wait for the broker to be in some state that it has changed.
///
/// A change that nobody waits for costs one look at a flag.
final class Changes: Sendable {
    private let isWatched = Atomic(false)
    private let watchers = Mutex<[UInt64: AsyncStream<Void>.Continuation]>([:])
    private let count = Atomic<UInt64>(0)

    /// Something has changed.
    func note() {
        guard isWatched.load(ordering: .relaxed) else { return }
        watchers.withLock { watchers in
            for watcher in watchers.values { watcher.yield() }
        }
    }

    /// An element at once, and one after each change, several of which may be one.
    func watch() -> AsyncStream<Void> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let id = count.wrappingAdd(1, ordering: .relaxed).newValue
            watchers.withLock { watchers in
                watchers[id] = continuation
                isWatched.store(true, ordering: .relaxed)
            }
            continuation.onTermination = { [weak self] _ in self?.stopWatching(id) }
            continuation.yield()
        }
    }

    private func stopWatching(_ id: UInt64) {
        watchers.withLock { watchers in
            watchers[id] = nil
            isWatched.store(!watchers.isEmpty, ordering: .relaxed)
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The queues, connections and counts of a broker, at one moment.
///
/// Queues and connections are read one after the other: messages may move between two reads.
public struct BrokerStatus: Sendable {
    /// The queues, in the order of their addresses.
    public var queues: [QueueStatus]
    /// The open connections, the oldest first.
    public var connections: [ConnectionStatus]
    /// How many bytes of memory the messages of all queues take.
    public var bytes: Int
    /// How many messages have arrived in queues since the broker was created; one that goes to several counts for each.
    public var received: UInt64
    /// How many messages have left their queues for good: accepted, rejected, expired or dropped.
    public var removed: UInt64
    /// The reason why the store cannot be written, so that no durable message is accepted; nil if it can, or there is none.
    public var storeFailure: String?

    /// The queue with an address; nil if it does not exist.
    ///
    /// An empty queue without links is deleted.
    public func queue(_ address: String) -> QueueStatus? { queues.first { $0.address == address } }

    /// How many messages wait, or were sent and are not settled, in all queues.
    public var messages: Int { queues.reduce(0) { $0 + $1.waiting + $1.unsettled } }
}

/// The messages and links of a queue of a broker, at one moment.
public struct QueueStatus: Sendable, Hashable {
    /// The address that links attach to.
    public var address: String
    /// How many messages wait to be sent: the depth of the queue.
    public var waiting: Int
    /// How many messages were delivered to consumers, or belong to open transactions, and are not settled.
    public var unsettled: Int
    /// How many bytes its messages use, including unsettled ones.
    public var bytes: Int
    /// How many links receive from it, including browsers.
    public var consumers: Int
    /// How many links send to it.
    public var senders: Int
    /// How many messages have arrived in it since it was created.
    public var received: UInt64
    /// How many messages have left it for good since it was created.
    public var removed: UInt64
}

/// A connection of a broker, at one moment.
public struct ConnectionStatus: Sendable, Hashable {
    /// The container id that the peer sent.
    public var containerID: String
    /// The user that the peer has authenticated as; nil if it has not.
    public var user: String?
    /// The peer's address, such as `127.0.0.1:40312`.
    public var address: String
    /// How many links it has.
    public var links: Int
}

/// Notifies the tasks that wait for a state of the broker when it changes.
///
/// Without such tasks a change costs one read of a flag.
final class Changes: Sendable {
    private let isWatched = Atomic(false)
    private let watchers = Mutex<[UInt64: AsyncStream<Void>.Continuation]>([:])
    private let count = Atomic<UInt64>(0)

    /// Notifies that something has changed.
    func note() {
        guard isWatched.load(ordering: .relaxed) else { return }
        watchers.withLock { watchers in
            for watcher in watchers.values { watcher.yield() }
        }
    }

    /// A sequence with one element at once, and one after each change; several changes may share one.
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

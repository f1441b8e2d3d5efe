// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Synchronization

/// The subscriptions to a broker's topics; each of its threads may use it.
final class Topics: Sendable {
    private let queues = Mutex<[ObjectIdentifier: Queue]>([:])
    /// Increases with every change, so that publishers can cache the queues.
    private let version = Atomic<UInt64>(1)

    func add(_ queue: Queue) {
        queues.withLock { $0[ObjectIdentifier(queue)] = queue }
        version.wrappingAdd(1, ordering: .releasing)
    }

    func remove(_ queue: Queue) {
        let isRemoved = queues.withLock { $0.removeValue(forKey: ObjectIdentifier(queue)) != nil }
        if isRemoved { version.wrappingAdd(1, ordering: .releasing) }
    }

    func removeAll() { queues.withLock { $0 = [:] } }

    var currentVersion: UInt64 { version.load(ordering: .acquiring) }

    /// The queues of the subscriptions to a topic.
    func queues(of address: String) -> [Queue] {
        queues.withLock { all in all.values.filter { $0.subscription?.covers(address) ?? false } }
    }
}

/// A topic for one publisher: the queues for its messages. It belongs to the publisher's domain.
final class Topic {
    let address: String
    private let topics: Topics
    private var known: (version: UInt64, queues: [Queue]) = (0, [])

    init(_ address: String, _ topics: Topics) {
        self.address = address
        self.topics = topics
    }

    /// The queues of the subscriptions that match a message.
    private func queues(wanting bytes: [UInt8]) -> [Queue] {
        let version = topics.currentVersion
        if known.version != version { known = (version, topics.queues(of: address)) }
        return known.queues.filter { $0.subscription?.wants(bytes) ?? false }
    }

    /// Reserves room for a message with each subscription that matches it, or with none.
    /// - Returns: the queues that have room for it.
    /// - Throws: if a queue that must not lose messages is too full.
    func reserve(_ bytes: [UInt8]) throws(MessageError) -> [Queue] {
        var taken: [Queue] = []
        for queue in queues(wanting: bytes) {
            do throws(MessageError) {
                _ = try queue.reserve(bytes, from: nil)
                taken.append(queue)
            } catch {
                // A queue that was just deleted is skipped. A queue that drops its oldest messages, and has none that wait,
                // misses this one. An error of the store is passed to the publisher.
                let name = error.condition.name
                if name == .notFound { continue }
                if name == .resourceLimitExceeded, queue.noteMissed(error.condition) { continue }
                for queue in taken { queue.unreserve(bytes) }
                throw MessageError(error.condition, isCreditUsed: false)
            }
        }
        return taken
    }

    /// Adds a message to the queue of each subscription that matches it, or to none.
    /// - Returns: the sequence number of the group that the store has to write; 0 for none.
    /// - Throws: as `reserve`.
    func publish(_ bytes: [UInt8]) throws(MessageError) -> UInt64 {
        try reserve(bytes).reduce(0) { max($0, $1.receiveReserved(bytes)) }
    }
}

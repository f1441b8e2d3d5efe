// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonBroker
import Synchronization

/// A store whose disk is memory, and which writes when a test says so.
final class MemoryStore: MessageStore {
    private struct State {
        var items: [StoredItem] = []
        var groups: [[StoreChange]] = []
        var report: (@Sendable (StoreReport) -> Void)?
        var isClosed = false
    }

    private let state: Mutex<State>
    private let isTimeToWrite: @Sendable (UInt64) -> Bool

    /// - Parameters:
    ///   - items: what it holds at the start.
    ///   - isTimeToWrite: whether it writes by itself, once it has this many groups.
    init(_ items: [StoredItem] = [], isTimeToWrite: @escaping @Sendable (UInt64) -> Bool = { _ in true }) {
        self.isTimeToWrite = isTimeToWrite
        state = Mutex(State(items: items))
    }

    func recover(_ take: (StoredItem) throws -> Void) throws {
        for item in state.withLock({ $0.items }) { try take(item) }
    }

    func start(_ report: @escaping @Sendable (StoreReport) -> Void) throws {
        state.withLock { $0.report = report }
    }

    func write(_ group: [StoreChange]) -> UInt64 {
        let number = state.withLock { state in
            state.groups.append(group)
            return UInt64(state.groups.count)
        }
        if isTimeToWrite(number) { writeAll() }
        return number
    }

    func close() throws {
        state.withLock { $0.isClosed = true }
    }

    /// Reports every group as durable.
    func writeAll() { report(.written(upTo: UInt64(groups.count))) }

    /// Reports to the broker.
    func report(_ report: StoreReport) { state.withLock { $0.report }?(report) }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    var changes: [StoreChange] { groups.flatMap(\.self) }

    var groups: [[StoreChange]] { state.withLock { $0.groups } }

    /// What a broker would find in it now.
    var contents: [StoredItem] {
        let (items, changes) = state.withLock { ($0.items, $0.groups.flatMap(\.self)) }
        var queues: [StoredQueue] = []
        var messages: [StoredMessage] = []
        for item in items {
            switch item {
            case .queue(let queue): queues.append(queue)
            case .message(let message): messages.append(message)
            }
        }
        for change in changes {
            switch change {
            case .makeQueue(let queue):
                queues.removeAll { $0.id == queue.id }
                queues.append(queue)
            case .removeQueue(let id):
                queues.removeAll { $0.id == id }
                messages.removeAll { $0.queue == id }
            case .add(let message): messages.append(message)
            case .remove(let queue, let place): messages.removeAll { $0.queue == queue && $0.place == place }
            case .update(let queue, let place, let details):
                if let index = messages.firstIndex(where: { $0.queue == queue && $0.place == place }) {
                    messages[index].details = details
                }
            }
        }
        return queues.map { .queue($0) } + messages.sorted { $0.place < $1.place }.map { .message($0) }
    }
}

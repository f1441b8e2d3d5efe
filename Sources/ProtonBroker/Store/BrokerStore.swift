// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import Proton
import Synchronization

/// A broker's store: writes groups of changes, and tracks which are durable and whether it can be written.
final class BrokerStore: Sendable {
    private struct State {
        /// Every group up to this sequence number is durable.
        var writtenUpTo: UInt64 = 0
        var waiting: [(sequence: UInt64, action: @Sendable () -> Void)] = []
        /// The reason why it cannot be written; nil if it can.
        var failure: String?
    }

    let store: any MessageStore
    private let state = Mutex(State())
    private let failing = Atomic(false)
    private let lastQueueID = Atomic<UInt64>(0)
    private let lastGroup = Atomic<UInt64>(0)

    init(_ store: any MessageStore) { self.store = store }

    /// Starts to write.
    /// - Parameter changed: called when the store fails, with the reason, or when it can be written again, with nil.
    func start(_ changed: @escaping @Sendable (String?) -> Void) throws {
        try store.start { [weak self] report in
            switch report {
            case .written(let sequence): self?.advance(to: sequence)
            case .failing(let reason):
                self?.setFailure(reason)
                changed(reason)
            case .recovered:
                self?.setFailure(nil)
                changed(nil)
            }
        }
    }

    private func setFailure(_ reason: String?) {
        state.withLock { $0.failure = reason }
        failing.store(reason != nil, ordering: .relaxed)
    }

    /// Whether the store cannot be written now.
    var isFailing: Bool { failing.load(ordering: .relaxed) }

    /// The reason why the store cannot be written; nil if it can.
    var failure: String? { state.withLock { $0.failure } }

    /// Passes changes to the store, to be written as one group.
    /// - Returns: the group's sequence number.
    func write(_ changes: [StoreChange]) -> UInt64 {
        let sequence = store.write(changes)
        lastGroup.max(sequence, ordering: .relaxed)
        return sequence
    }

    /// The sequence number of the last group that was passed; 0 for none.
    var lastSequence: UInt64 { lastGroup.load(ordering: .relaxed) }

    /// A new number for a queue in the store.
    func newQueueID() -> UInt64 { lastQueueID.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Records the number of a queue that the store contains.
    func noteQueueID(_ id: UInt64) { lastQueueID.max(id, ordering: .relaxed) }

    // MARK: Waiting

    /// Calls an action when a group is durable: now if it is, or later on a thread of the store.
    func whenWritten(_ sequence: UInt64, _ action: @escaping @Sendable () -> Void) {
        let isWritten = state.withLock { state in
            if sequence <= state.writtenUpTo { return true }
            state.waiting.append((sequence, action))
            return false
        }
        if isWritten { action() }
    }

    private func advance(to sequence: UInt64) {
        let actions = state.withLock { state in
            state.writtenUpTo = max(state.writtenUpTo, sequence)
            let actions = state.waiting.filter { $0.sequence <= sequence }
            state.waiting.removeAll { $0.sequence <= sequence }
            return actions
        }
        for (_, action) in actions { action() }
    }
}

/// The actions of a link that wait until the store has written a group, in order.
///
/// `@unchecked Sendable`: it is used in its connection's domain only, where the store's callbacks continue.
final class DeferredActions: @unchecked Sendable {
    private var entries = Deque<(sequence: UInt64, action: () -> Void)>()
    private let store: BrokerStore
    private let executor: WorkQueue
    /// Called after some actions have run.
    private let advanced: () -> Void
    private var isCancelled = false

    init(_ store: BrokerStore, _ executor: WorkQueue, advanced: @escaping () -> Void) {
        self.store = store
        self.executor = executor
        self.advanced = advanced
    }

    /// How many actions wait.
    var count: Int { entries.count }

    /// Runs an action when a group is durable, and the earlier actions have run.
    func run(after sequence: UInt64, _ action: @escaping () -> Void) {
        let isFirst = entries.isEmpty
        entries.append((sequence, action))
        if isFirst { waitForFirst() }
    }

    private func waitForFirst() {
        guard let sequence = entries.first?.sequence else { return }
        store.whenWritten(sequence) { [self] in
            executor.add { [self] _ in
                guard !isCancelled else { return }
                doWritten(upTo: sequence)
                waitForFirst()
                advanced()
            }
        }
    }

    private func doWritten(upTo sequence: UInt64) {
        while let first = entries.first, first.sequence <= sequence {
            entries.removeFirst()
            first.action()
        }
    }

    /// Drops the waiting actions: the link is closed.
    func cancel() {
        isCancelled = true
        entries = []
    }
}

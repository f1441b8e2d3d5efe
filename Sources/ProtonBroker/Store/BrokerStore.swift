// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import Proton
import Synchronization

/// A broker's store: writes groups of changes, and knows how far it has come and whether it can be written.
final class BrokerStore: Sendable {
    private struct State {
        /// Everything up to this group survives a crash.
        var writtenUpTo: UInt64 = 0
        var waiting: [(sequence: UInt64, action: @Sendable () -> Void)] = []
        /// Why it cannot be written; nil where it can.
        var failure: String?
    }

    let store: any MessageStore
    private let state = Mutex(State())
    private let failing = Atomic(false)
    private let lastQueueID = Atomic<UInt64>(0)
    private let lastGroup = Atomic<UInt64>(0)

    init(_ store: any MessageStore) { self.store = store }

    /// Begins to write.
    /// - Parameter changed: called when the store fails, or can be written again, with the reason or nil.
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

    /// Why the store cannot be written; nil where it can.
    var failure: String? { state.withLock { $0.failure } }

    /// Takes changes, to be written as one group.
    /// - Returns: the group's number.
    func write(_ changes: [StoreChange]) -> UInt64 {
        let sequence = store.write(changes)
        lastGroup.max(sequence, ordering: .relaxed)
        return sequence
    }

    /// The number of the last group that was taken; 0 for none.
    var lastSequence: UInt64 { lastGroup.load(ordering: .relaxed) }

    /// A number for a queue that the store has none of.
    func newQueueID() -> UInt64 { lastQueueID.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Takes note of a queue's number that the store holds.
    func noteQueueID(_ id: UInt64) { lastQueueID.max(id, ordering: .relaxed) }

    // MARK: Waiting

    /// Does something once a group is written: now, where it is, or on a thread of the store's.
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

/// What a link does once the store has written something, in order.
///
/// `@unchecked Sendable`: it is used in its connection's domain only; what the store calls goes there first.
final class DeferredActions: @unchecked Sendable {
    private var entries = Deque<(sequence: UInt64, action: () -> Void)>()
    private let store: BrokerStore
    private let executor: WorkQueue
    /// Called after some were done.
    private let advanced: () -> Void
    private var isCancelled = false

    init(_ store: BrokerStore, _ executor: WorkQueue, advanced: @escaping () -> Void) {
        self.store = store
        self.executor = executor
        self.advanced = advanced
    }

    /// How many wait.
    var count: Int { entries.count }

    /// Does something once a group is written, and what was deferred before is done.
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

    /// Does nothing of it any more: the link is closed.
    func cancel() {
        isCancelled = true
        entries = []
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// A task, or a blocked thread, that waits for a value; it is resumed once.
///
/// The continuation is unsafe, since a checked one costs twice as much to resume. It is resumed once: `register` either has the
/// value and keeps nothing, or keeps the waiter; the code that resumes it removes it first, under a lock.
struct Waiter<Value: Sendable>: Sendable {
    private enum Party {
        case task(UnsafeContinuation<Value, Never>)
        case thread(Monitor<Value?>)
    }

    /// Identifies the waiter among those of one owner.
    let id: UInt64
    private let party: Party

    init(id: UInt64, _ continuation: UnsafeContinuation<Value, Never>) {
        (self.id, party) = (id, .task(continuation))
    }

    /// A thread that waits for the monitor's value.
    fileprivate init(id: UInt64, _ monitor: Monitor<Value?>) {
        (self.id, party) = (id, .thread(monitor))
    }

    func resume(_ value: Value) {
        switch party {
        case .task(let continuation): continuation.resume(returning: value)
        case .thread(let monitor): monitor.withLock { $0 = value }
        }
    }
}

/// The waiters for the same value: usually one, which needs no array.
struct Waiters<Value: Sendable>: Sendable {
    private var first: Waiter<Value>?
    private var others: [Waiter<Value>] = []
    private var lastID: UInt64 = 0

    /// The id for the next waiter.
    mutating func nextID() -> UInt64 {
        lastID += 1
        return lastID
    }

    mutating func add(_ waiter: Waiter<Value>) {
        if first == nil { first = waiter } else { others.append(waiter) }
    }

    /// Removes a waiter, for the caller to resume; nil if it is not kept.
    mutating func removeWaiter(_ id: UInt64) -> Waiter<Value>? {
        if first?.id == id { return first.take() }
        return others.firstIndex { $0.id == id }.map { others.remove(at: $0) }
    }

    /// Removes all waiters, for the caller to resume.
    mutating func takeAll() -> Waiters {
        var taken = Waiters()
        taken.first = first.take()
        if !others.isEmpty { taken.others = exchange(&others, with: []) }
        return taken
    }

    /// Resumes all.
    consuming func resume(_ value: Value) {
        first?.resume(value)
        for waiter in others { waiter.resume(value) }
    }
}

/// The result of registering a task or a thread that would wait.
enum Waiting<Value: Sendable> {
    /// The value is available.
    case ready(Value)
    /// The waiter was kept: it is resumed later.
    case kept
}

/// Suspends the calling task until a value is available, or the task is cancelled.
/// - Parameters:
///   - id: identifies the waiter.
///   - register: returns the value, or keeps the waiter, under the lock of its owner. It is also called if the task is already
///     cancelled: then `isCancelled` is true, and the waiter must not be kept.
///   - cancel: removes the waiter under the same lock, and resumes it, if it is kept.
func wait<Value>(
    _ id: UInt64, _ register: (Waiter<Value>, _ isCancelled: Bool) -> Waiting<Value>,
    onCancel cancel: @Sendable @escaping () -> Void
) async -> Value {
    await withTaskCancellationHandler {
        await withUnsafeContinuation { continuation in
            let waiter = Waiter(id: id, continuation)
            // A task is marked as cancelled before its handlers run: if a handler runs too early and finds no waiter, this code
            // sees the mark under the lock.
            if case .ready(let value) = register(waiter, Task.isCancelled) { waiter.resume(value) }
        }
    } onCancel: {
        cancel()
    }
}

/// Blocks the calling thread until a value is available, or the deadline has passed.
/// - Parameters:
///   - id: identifies the waiter.
///   - register: returns the value, or keeps the waiter, under the lock of its owner.
///   - removeWaiter: removes the waiter under the same lock, and returns whether it was kept: if not, another thread is about to
///     resume it.
/// - Returns: nil if the deadline has passed.
func waitBlocking<Value>(
    _ id: UInt64, until deadline: Deadline, _ register: (Waiter<Value>) -> Waiting<Value>,
    onTimeout removeWaiter: () -> Bool
) -> Value? {
    let monitor = Monitor<Value?>(nil)
    if case .ready(let value) = register(Waiter(id: id, monitor)) { return value }
    if let value = monitor.wait(until: deadline, { $0 }) { return value }
    return removeWaiter() ? nil : monitor.wait(until: Deadline(after: nil)) { $0 }
}

/// Suspends the calling task until an event that has a time limit, also if the task is cancelled.
/// - Parameter register: returns that the event has happened, or keeps the waiter, under the lock of its owner.
func waitToTheEnd(_ register: (Waiter<Void>) -> Waiting<Void>) async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        let waiter = Waiter(id: 0, continuation)
        if case .ready = register(waiter) { waiter.resume(()) }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// A task, or a blocked thread, that waits for a value; it is resumed once.
///
/// The continuation is unsafe, since to check it costs as much as to resume it. It is resumed once: `register` either has the
/// value, and keeps nothing, or keeps the waiter where whoever resumes it takes it out first, under a lock.
struct Waiter<Value: Sendable>: Sendable {
    private enum Party {
        case task(UnsafeContinuation<Value, Never>)
        case thread(Monitor<Value?>)
    }

    /// Names the waiter among those of one place.
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

/// Those who wait for the same value: one as a rule, for whom no array is made.
struct Waiters<Value: Sendable>: Sendable {
    private var first: Waiter<Value>?
    private var others: [Waiter<Value>] = []
    private var lastID: UInt64 = 0

    /// Names the next waiter.
    mutating func nextID() -> UInt64 {
        lastID += 1
        return lastID
    }

    mutating func add(_ waiter: Waiter<Value>) {
        if first == nil { first = waiter } else { others.append(waiter) }
    }

    /// Takes out one, for whoever resumes it; nil where it is not there.
    mutating func takeOut(_ id: UInt64) -> Waiter<Value>? {
        if first?.id == id { return first.take() }
        return others.firstIndex { $0.id == id }.map { others.remove(at: $0) }
    }

    /// Takes out all, for whoever resumes them.
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

/// What is asked for by a task, or a thread, that would wait.
enum Waiting<Value: Sendable> {
    /// The value is there.
    case ready(Value)
    /// The waiter was kept: it is resumed later.
    case kept
}

/// Suspends the calling task until a value is there, or the task is cancelled.
/// - Parameters:
///   - id: names the waiter.
///   - register: finds the value, or keeps the waiter, under the lock of what it belongs to. A task that is cancelled already
///     gets there too: `isCancelled` says so, and its waiter must not be kept.
///   - cancel: takes the waiter out under the same lock, and resumes it, where it is there.
func wait<Value>(
    _ id: UInt64, _ register: (Waiter<Value>, _ isCancelled: Bool) -> Waiting<Value>,
    onCancel cancel: @Sendable @escaping () -> Void
) async -> Value {
    await withTaskCancellationHandler {
        await withUnsafeContinuation { continuation in
            let waiter = Waiter(id: id, continuation)
            // A task is marked as cancelled before its handlers run: one that comes too early finds nothing, and this sees
            // the mark under the lock.
            if case .ready(let value) = register(waiter, Task.isCancelled) { waiter.resume(value) }
        }
    } onCancel: {
        cancel()
    }
}

/// Blocks the calling thread until a value is there, or the time is over.
/// - Parameters:
///   - id: names the waiter.
///   - register: finds the value, or keeps the waiter, under the lock of what it belongs to.
///   - takeOut: takes the waiter out under the same lock, and says whether it was there: where it was not, somebody is
///     about to resume it.
/// - Returns: nil where the time is over.
func waitBlocking<Value>(
    _ id: UInt64, until deadline: Deadline, _ register: (Waiter<Value>) -> Waiting<Value>,
    onTimeout takeOut: () -> Bool
) -> Value? {
    let monitor = Monitor<Value?>(nil)
    if case .ready(let value) = register(Waiter(id: id, monitor)) { return value }
    if let value = monitor.wait(until: deadline, { $0 }) { return value }
    return takeOut() ? nil : monitor.wait(until: Deadline(after: nil)) { $0 }
}

/// Suspends the calling task until what it waits for has happened, whether it is cancelled or not: for what has a bound.
/// - Parameter register: finds that it has happened, or keeps the waiter, under the lock of what it belongs to.
func waitToTheEnd(_ register: (Waiter<Void>) -> Waiting<Void>) async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        let waiter = Waiter(id: 0, continuation)
        if case .ready = register(waiter) { waiter.resume(()) }
    }
}

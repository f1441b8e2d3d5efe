// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Waits for signals, and calls its action on a thread that all watches share.
package final class SignalWatch: Sendable {
    private let numbers: Set<Int32>
    /// Whether the action is called for the first signal only; the next signal has its default action.
    private let isOnce: Bool
    private let action: @Sendable () -> Void

    /// Waits for the first of some signals; after it, each of them has its default action, which ends the process.
    package init(first numbers: [Int32], _ action: @escaping @Sendable () -> Void) {
        (self.numbers, isOnce, self.action) = (Set(numbers), true, action)
        start()
    }

    /// Waits for each occurrence of a signal; several that arrive at the same time may count as one.
    /// - Parameter action: the action. Other signals wait until it returns.
    package init(every number: Int32, _ action: @escaping @Sendable () -> Void) {
        (numbers, isOnce, self.action) = ([number], false, action)
        start()
    }

    private func start() {
        guard startReading() else { return }
        watches.withLock { $0.append(self) }
        for number in numbers { signal(number, noteSignal) }
        tell(watchesChanged)
    }

    /// Restores the default action of the signals, except for those that another watch waits for.
    package func cancel() {
        watches.withLock { watches in
            watches.removeAll { $0 === self }
            let others = watches.reduce(into: Set()) { $0.formUnion($1.numbers) }
            for number in numbers.subtracting(others) { signal(number, SIG_DFL) }
        }
    }

    /// Handles a signal.
    fileprivate func note(_ number: Int32) {
        guard numbers.contains(number) else { return }
        if isOnce { for number in numbers { signal(number, SIG_DFL) } }
        action()
    }

    /// Unblocks the signals in this thread, because a process can be started with them blocked in all threads.
    fileprivate func unblock() {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }
}

// A handler catches the signals and does only what is async-signal-safe; a thread then calls the actions. Dispatch's signal
// sources would do the same, but on Linux they lose signals that arrive in a thread that does not block them.

private let watches = Mutex<[SignalWatch]>([])
/// The end of a socket pair that the handler writes to; -1 before the first watch.
private let descriptor = Atomic<Int32>(-1)
/// The byte that tells the thread about a new watch; signals have numbers from 1 to 64.
private let watchesChanged: UInt8 = 0

/// The handler: all functions that it calls are async-signal-safe.
private func noteSignal(_ number: Int32) {
    let interrupted = errno
    tell(UInt8(truncatingIfNeeded: number))
    errno = interrupted
}

/// Writes a byte for the thread, with `send`, which is async-signal-safe and does not block here.
private func tell(_ byte: UInt8) {
    var byte = byte
    send(descriptor.load(ordering: .relaxed), &byte, 1, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
}

/// Starts the thread, once per process.
/// - Returns: whether it runs. If the system has no descriptor or thread left, signals keep their default action.
private func startReading() -> Bool {
    watches.withLock { _ in
        if descriptor.load(ordering: .relaxed) >= 0 { return true }
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return false }
        let source = ends[0]
        guard Thread.start({ readSignals(source) }) != nil else {
            for end in ends { close(end) }
            return false
        }
        descriptor.store(ends[1], ordering: .relaxed)
        return true
    }
}

private func readSignals(_ source: Int32) {
    var byte: UInt8 = 0
    while true {
        switch read(source, &byte, 1) {
        case 1 where byte == watchesChanged: for watch in watches.withLock({ $0 }) { watch.unblock() }
        case 1: for watch in watches.withLock({ $0 }) { watch.note(Int32(byte)) }
        case -1 where errno == EINTR: continue
        default: return
        }
    }
}

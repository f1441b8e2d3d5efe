import Glibc
import Synchronization

/// A signal that asks a program to end.
public struct StopSignal: Sendable, Hashable {
    let number: Int32

    /// Control-C: SIGINT.
    public static let interrupt = StopSignal(number: SIGINT)
    /// What `kill` and service managers send: SIGTERM.
    public static let terminate = StopSignal(number: SIGTERM)
}

/// Waits for signals while a container runs, and calls its action on a thread of its own.
///
/// The first signal is the program's; from then on a signal ends the process at once, as it would without this.
package final class SignalWatch: Sendable {
    private let signals: [StopSignal]
    private let action: @Sendable () -> Void

    package init(_ signals: [StopSignal], _ action: @escaping @Sendable () -> Void) {
        self.signals = signals
        self.action = action
        guard startReading() else { return }
        watches.withLock { $0.append(self) }
        for stop in signals { signal(stop.number, noteSignal) }
    }

    /// Leaves the signals to the system again, but for those that another container waits for.
    package func cancel() {
        watches.withLock { watches in
            watches.removeAll { $0 === self }
            let others = Set(watches.flatMap(\.signals))
            for stop in signals where !others.contains(stop) { signal(stop.number, SIG_DFL) }
        }
    }

    /// A signal has come.
    fileprivate func stop() {
        for stop in signals { signal(stop.number, SIG_DFL) }
        action()
    }
}

// Signals are caught by a handler, which may do next to nothing, and acted upon by a thread. Dispatch's signal sources
// would do that too, but on Linux they lose signals that come to a thread which does not block them.

private let watches = Mutex<[SignalWatch]>([])
/// The end of a pair of sockets that the handler writes to; -1 before the first watch.
private let descriptor = Atomic<Int32>(-1)

/// The handler: it calls nothing but `send`, which is async-signal-safe and does not wait here.
private func noteSignal(_ number: Int32) {
    let interrupted = errno
    var byte: UInt8 = 0
    send(descriptor.load(ordering: .relaxed), &byte, 1, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
    errno = interrupted
}

/// Starts the thread, once for the life of the process.
/// - Returns: whether it runs; where the system has no descriptor or thread left, signals keep their default action.
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
    // A process can be started with its signals blocked in all threads: this one takes them all the same.
    var stops = sigset_t()
    sigemptyset(&stops)
    for stop in [StopSignal.interrupt, .terminate] { sigaddset(&stops, stop.number) }
    pthread_sigmask(SIG_UNBLOCK, &stops, nil)
    var byte: UInt8 = 0
    while true {
        switch read(source, &byte, 1) {
        case 1: for watch in watches.withLock(\.self) { watch.stop() }
        case -1 where errno == EINTR: continue
        default: return
        }
    }
}

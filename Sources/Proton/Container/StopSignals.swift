import Dispatch
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

/// Waits for signals while a container runs.
///
/// The first signal is the program's; from then on a signal ends the process at once, as it would without this.
final class SignalWatch {
    private let sources: [any DispatchSourceSignal]
    private let signals: [StopSignal]

    init(_ signals: [StopSignal], _ action: @escaping @Sendable () -> Void) {
        self.signals = signals
        let queue = DispatchQueue(label: "proton.signals")
        sources = signals.map { stop in
            signal(stop.number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: stop.number, queue: queue)
            source.setEventHandler {
                for other in signals { signal(other.number, SIG_DFL) }
                action()
            }
            source.resume()
            return source
        }
    }

    /// Leaves the signals to the system again.
    func cancel() {
        for source in sources { source.cancel() }
        for stop in signals { signal(stop.number, SIG_DFL) }
    }
}

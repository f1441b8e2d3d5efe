// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonBroker
import ProtonUtilities
import Synchronization

/// Tells others how the broker does: its HTTP port, where there is one, and the service manager that has started it.
final class HealthPort: Sendable {
    private let state: State
    private let server: HTTPServer?

    /// Whether the broker serves, for the server's thread as well.
    private final class State: Sendable {
        private let value = Mutex(ServingState.starting)

        var current: ServingState { value.withLock(\.self) }
        func change(to state: ServingState) { value.withLock { $0 = state } }
    }

    /// Listens and answers from now on.
    /// - Parameter address: where to; nil is nowhere.
    /// - Throws: as `HTTPServer`.
    init(_ address: HTTPAddress?, _ broker: Broker) throws {
        let state = State()
        self.state = state
        server = try address.map { address in
            try HTTPServer(address) { request in
                HealthPages.response(to: request, state.current) { broker.status }
            }
        }
    }

    /// Where it listens.
    var addresses: [String] { server?.addresses ?? [] }

    /// The broker serves from now on, until a signal has it stop.
    /// - Returns: the watch for those signals, to be kept while the broker runs.
    func begin() -> SignalWatch {
        state.change(to: .serving)
        ServiceManager.tell("READY=1")
        return SignalWatch(first: [SIGINT, SIGTERM]) { [state] in
            state.change(to: .stopping)
            ServiceManager.tell("STOPPING=1")
        }
    }

    /// The broker has ended.
    func end() { server?.stop() }
}

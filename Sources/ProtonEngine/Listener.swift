// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import Glibc
import ProtonUtilities

/// A socket that accepts connections (`pn_listener_t`); its members may be used from any thread.
public final class Listener: Sendable {
    private enum State {
        case new
        case listening(OpaquePointer, addresses: [String], isLoopback: Bool)
        /// Listens in memory; the closure is called when it is closed.
        case inMemory(address: String, whenClosed: @Sendable () -> Void)
        case closed(Condition?)
    }

    private let state = UncheckedMutex(State.new)
    /// What this listener was asked to listen on.
    public let requestedAddress: String

    /// How many connections are taken.
    let admission: Admission

    /// - Parameter maxConnections: how many connections there may be at once; nil leaves that to the descriptors.
    package init(address: String, maxConnections: Int? = nil) {
        requestedAddress = address
        admission = Admission(maxConnections: maxConnections)
    }

    /// The addresses that are listened on, as in `127.0.0.1:5672`; none once the listener is closed.
    public var addresses: [String] {
        state.withLock { state in
            switch state {
            case .listening(_, let addresses, _): addresses
            case .inMemory(let address, _): [address]
            case .new, .closed: []
            }
        }
    }

    /// The port that is listened on, also where port 0 was asked for; nil once the listener is closed.
    public var port: Int? {
        addresses.first.flatMap { $0.split(separator: ":").last }.flatMap { Int($0) }
    }

    /// Whether peers on the same machine only can reach it: it listens on addresses of 127.0.0.0/8 and ::1.
    public var isLoopback: Bool {
        state.withLock { state in
            switch state {
            case .listening(_, let addresses, let isLoopback): !addresses.isEmpty && isLoopback
            case .inMemory: true
            case .new, .closed: false
            }
        }
    }

    /// Stops listening. Connections that were accepted live on.
    public func close() {
        let whenClosed: (@Sendable () -> Void)? = state.withLock { state in
            switch state {
            // Under the lock: proton's listener is freed once its close event, which takes the lock, is handled.
            case .listening(let pointer, _, _): pn_listener_close(pointer)
            case .inMemory(_, let whenClosed):
                state = .closed(nil)
                return whenClosed
            case .new, .closed: break
            }
            return nil
        }
        whenClosed?()
    }

    /// Listens in memory from now on.
    /// - Parameter whenClosed: called once the listener is closed, on the thread that closes it.
    package func startInMemory(_ address: String, whenClosed: @escaping @Sendable () -> Void) {
        state.withLock { state in
            if case .new = state { state = .inMemory(address: address, whenClosed: whenClosed) }
        }
    }

    /// Starts to listen; proton binds the socket before it returns.
    /// - Throws: `ProtonError.Code.listenFailed`.
    func start(in proactor: OpaquePointer, backlog: Int32) throws {
        guard admission.hasRoom else {
            throw ProtonError(
                .listenFailed,
                "Cannot listen on \(requestedAddress): too few files may be open for any connection: raise the limit.")
        }
        let failure: Condition? = state.withLock { state in
            guard case .new = state, let listener = pn_listener() else { return nil }
            // Proton's listener keeps its wrapper alive until its close event.
            pn_listener_set_context(listener, Unmanaged.passRetained(self).toOpaque())
            pn_proactor_listen(proactor, listener, requestedAddress, min(backlog, Int32(admission.maxBacklog)))
            if let condition = Condition(pn_listener_condition(listener)) {
                state = .closed(condition)
                // The close event that follows is of no interest, and may come too late to release the wrapper.
                letGo(of: listener)
                return condition
            }
            let addresses = Listener.addresses(of: listener)
            state = .listening(
                listener, addresses: addresses.compactMap { Transport.text($0) },
                isLoopback: addresses.allSatisfy { Transport.isLoopback($0) })
            return nil
        }
        if let failure {
            // The system's reason, without proton's note of where it was met.
            let text = failure.description ?? failure.name.name
            let reason = text.firstRange(of: " - ").map { String(text[..<$0.lowerBound]) } ?? text
            throw ProtonError(
                .listenFailed, "Cannot listen on \(requestedAddress): \(reason).", condition: failure)
        }
    }

    /// The proactor is about to go, and proton's listener with it.
    package func abandon() {
        let listener: OpaquePointer? = state.withLock { state in
            guard case .listening(let listener, _, _) = state else { return nil }
            state = .closed(nil)
            return listener
        }
        if let listener { letGo(of: listener) }
    }

    /// Takes this out of proton's listener, which has kept it; once.
    private func letGo(of listener: OpaquePointer) {
        Listener.contexts.withLock { _ in pn_listener_set_context(listener, nil) }
        Unmanaged.passUnretained(self).release()
    }

    /// Held where a listener's wrapper is found or taken out: the thread that makes it may let go of it while another one finds it.
    private static let contexts = UncheckedMutex(())

    /// Proton's listener is closed and about to be freed.
    /// - Parameter tell: told of the condition that ended it, where it was not `close`. One that could never listen ends without
    ///   a word: `start` has thrown why.
    func finish(_ listener: OpaquePointer, _ tell: (Condition?) throws -> Void) rethrows {
        let condition = Condition(pn_listener_condition(listener))
        let wasListening = state.withLock { state in
            if case .closed = state { return false }
            state = .closed(condition)
            return true
        }
        // Where it was not, this was let go of before.
        guard wasListening else { return }
        letGo(of: listener)
        try tell(condition)
    }

    static func existing(_ pointer: OpaquePointer) -> Listener? {
        contexts.withLock { _ in
            pn_listener_get_context(pointer).map { Unmanaged<Listener>.fromOpaque($0).takeUnretainedValue() }
        }
    }

    private static func addresses(of listener: OpaquePointer) -> [OpaquePointer] {
        sequence(first: pn_listener_addr(listener)) { $0.map { pn_netaddr_next($0) } ?? nil }
            .prefix { $0 != nil }.compactMap { $0 }
    }
}

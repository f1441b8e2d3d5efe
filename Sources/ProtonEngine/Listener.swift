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
        /// It listens in memory; the closure is called when it is closed.
        case inMemory(address: String, whenClosed: @Sendable () -> Void)
        case closed(Condition?)
    }

    private let state = UncheckedMutex(State.new)
    /// The address that this listener was asked to listen on.
    public let requestedAddress: String

    /// The limits on the number of connections.
    let admission: Admission

    /// - Parameter maxConnections: the maximum number of connections; nil means that only the descriptors limit it.
    package init(address: String, maxConnections: Int? = nil) {
        requestedAddress = address
        admission = Admission(maxConnections: maxConnections)
    }

    /// The addresses that the listener is bound to, such as `127.0.0.1:5672`; empty after it is closed.
    public var addresses: [String] {
        state.withLock { state in
            switch state {
            case .listening(_, let addresses, _): addresses
            case .inMemory(let address, _): [address]
            case .new, .closed: []
            }
        }
    }

    /// The port that the listener is bound to, also if port 0 was requested; nil after it is closed.
    public var port: Int? {
        addresses.first.flatMap { $0.split(separator: ":").last }.flatMap { Int($0) }
    }

    /// Whether only peers on the same machine can connect: all addresses are in 127.0.0.0/8 or are ::1.
    public var isLoopback: Bool {
        state.withLock { state in
            switch state {
            case .listening(_, let addresses, let isLoopback): !addresses.isEmpty && isLoopback
            case .inMemory: true
            case .new, .closed: false
            }
        }
    }

    /// Stops listening. Connections that were accepted stay open.
    public func close() {
        let whenClosed: (@Sendable () -> Void)? = state.withLock { state in
            switch state {
            // Under the lock, because proton's listener is freed after its close event is handled, and that takes the lock.
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

    /// Starts to listen in memory.
    /// - Parameter whenClosed: called after the listener is closed, on the thread that closes it.
    package func startInMemory(_ address: String, whenClosed: @escaping @Sendable () -> Void) {
        state.withLock { state in
            if case .new = state { state = .inMemory(address: address, whenClosed: whenClosed) }
        }
    }

    /// Starts to listen; proton binds the socket before this returns.
    /// - Throws: `ProtonError.Code.listenFailed`.
    func start(in proactor: OpaquePointer, backlog: Int32) throws {
        guard admission.hasRoom else {
            throw ProtonError(
                .listenFailed,
                "Cannot listen on \(requestedAddress): too few files may be open for any connection: raise the limit.")
        }
        let failure: Condition? = state.withLock { state in
            guard case .new = state, let listener = pn_listener() else { return nil }
            // Proton's listener keeps this wrapper alive until its close event.
            pn_listener_set_context(listener, Unmanaged.passRetained(self).toOpaque())
            pn_proactor_listen(proactor, listener, requestedAddress, min(backlog, Int32(admission.maxBacklog)))
            if let condition = Condition(pn_listener_condition(listener)) {
                state = .closed(condition)
                // The close event that follows is ignored, and may occur too late to release the wrapper.
                release(listener)
                return condition
            }
            let addresses = Listener.addresses(of: listener)
            state = .listening(
                listener, addresses: addresses.compactMap { Transport.text($0) },
                isLoopback: addresses.allSatisfy { Transport.isLoopback($0) })
            return nil
        }
        if let failure {
            // The system's reason, without proton's note of the place where the error occurred.
            let text = failure.description ?? failure.name.name
            let reason = text.firstRange(of: " - ").map { String(text[..<$0.lowerBound]) } ?? text
            throw ProtonError(
                .listenFailed, "Cannot listen on \(requestedAddress): \(reason).", condition: failure)
        }
    }

    /// Called before the proactor, and with it proton's listener, is freed.
    package func abandon() {
        let listener: OpaquePointer? = state.withLock { state in
            guard case .listening(let listener, _, _) = state else { return nil }
            state = .closed(nil)
            return listener
        }
        if let listener { release(listener) }
    }

    /// Releases the reference that proton's listener holds to this; called once.
    private func release(_ listener: OpaquePointer) {
        Listener.contexts.withLock { _ in pn_listener_set_context(listener, nil) }
        Unmanaged.passUnretained(self).release()
    }

    /// Held while a listener's wrapper is looked up or removed, because one thread may remove it while another looks it up.
    private static let contexts = UncheckedMutex(())

    /// Called after proton's listener is closed, before it is freed.
    /// - Parameter tell: receives the condition that ended the listener, nil after `close`. It is not called for a listener that
    ///   could not listen: `start` has thrown the reason.
    func finish(_ listener: OpaquePointer, _ tell: (Condition?) throws -> Void) rethrows {
        let condition = Condition(pn_listener_condition(listener))
        let wasListening = state.withLock { state in
            if case .closed = state { return false }
            state = .closed(condition)
            return true
        }
        // Otherwise the wrapper was released before.
        guard wasListening else { return }
        release(listener)
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

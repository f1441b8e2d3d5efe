// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// Receives the events of a proactor that do not belong to a connection.
package protocol ProactorDelegate: AnyObject, Sendable {
    /// Sets up a connection for a peer that has connected; nil leaves the peer to the listener, which is about to close.
    func accept(on listener: Listener) throws -> (Connection, TransportConfiguration)?
    /// Called after a listener is closed; the condition is the reason, nil after `close`.
    func listenerClosed(_ listener: Listener, condition: Condition?) throws
    /// Called after the time-out that was set.
    func timeoutPassed() throws
    /// Called after a call of `interrupt`.
    func interrupted() throws
}

/// Sockets and threads for connections and listeners (`pn_proactor_t`).
///
/// `Sendable`: the calls that it makes may be made from any thread (proton/proactor.h, "Thread safety"); freeing
/// happens in `deinit`, when no thread can be in another call.
package final class Proactor: @unchecked Sendable {
    private let pointer: OpaquePointer

    /// - Throws: `ProtonError.Code.limitExceeded` if the process has no file descriptors left.
    package init() throws {
        // It needs four descriptors; with fewer it fails, and crashes in its cleanup.
        guard Descriptors.areFree(4), let pointer = pn_proactor() else {
            throw ProtonError(.limitExceeded, "No proactor can be made: is the limit of open files reached?")
        }
        self.pointer = pointer
    }

    deinit {
        pn_proactor_free(pointer)
    }

    // MARK: From any thread

    /// Connects to `host:port`; the connection's events report the result.
    ///
    /// Names are looked up on the calling thread. The proactor keeps the connection alive until its transport has closed.
    ///
    /// Called in the domain of a connection that is in no proactor; the connection is passed to the proactor when the domain is
    /// left.
    /// - Parameter othersFollow: whether this is one of several addresses, and not the last one.
    package func connect(
        _ connection: Connection, _ configuration: TransportConfiguration, to address: String, othersFollow: Bool
    ) {
        guard let pointer = connection.pointer else { return }
        connection.place = Admission.Place(of: nil)
        connection.beginConnecting(othersFollow: othersFollow)
        connection.workQueue.move(
            .attach(pointer) {
                _ = Unmanaged.passRetained(connection)
                pn_proactor_connect2(self.pointer, pointer, configuration.makeTransport(for: connection), address)
            })
    }

    /// Listens on `host:port`.
    /// - Throws: `ProtonError.Code.listenFailed`.
    package func listen(_ listener: Listener, backlog: Int32) throws {
        try listener.start(in: pointer, backlog: backlog)
    }

    /// Makes one of the loop's threads call `interrupted`; also safe in a signal handler.
    package func interrupt() {
        pn_proactor_interrupt(pointer)
    }

    /// Makes a thread call `timeoutPassed` after this number of milliseconds, in place of an earlier time-out.
    package func setTimeout(milliseconds: UInt32) {
        pn_proactor_set_timeout(pointer, milliseconds)
    }

    // MARK: The loop

    /// Waits for the next batch of events and handles it, on the calling thread.
    /// - Throws: any error that a handler throws; the batch is completed nevertheless.
    package func handleNext(_ delegate: any ProactorDelegate) throws {
        guard let batch = pn_proactor_wait(pointer) else { return }
        guard let first = pn_event_batch_next(batch) else {
            pn_proactor_done(pointer, batch)
            return
        }
        if let connection = pn_event_connection(first) {
            try handle(batch, first, of: connection)
            return
        }
        defer { pn_proactor_done(pointer, batch) }
        var event: OpaquePointer? = first
        while let current = event {
            try handle(current, delegate)
            event = pn_event_batch_next(batch)
        }
    }

    /// Handles a batch of a connection: this thread is in the connection's domain until the batch is completed.
    private func handle(_ batch: OpaquePointer, _ first: OpaquePointer, of pointer: OpaquePointer) throws {
        guard let context = pn_connection_get_context(pointer) else {
            pn_proactor_done(self.pointer, batch)
            return
        }
        let unmanaged = Unmanaged<Connection>.fromOpaque(context)
        let connection = unmanaged.takeUnretainedValue()
        var end = BatchEnd.none
        var failure: (any Error)?
        func handle(from event: OpaquePointer) throws {
            let (reached, failure) = connection.handle(event) { pn_event_batch_next(batch) }
            end = reached
            if case .none = reached { connection.noteOutput() }
            if let failure { throw failure }
        }
        do {
            try connection.workQueue.runBatch {
                try handle(from: first)
            } rest: {
                // Proton writes the output of the items when it looks for another event; otherwise that would take a batch of its
                // own.
                guard let next = pn_event_batch_next(batch) else { return connection.noteOutput() }
                try handle(from: next)
            }
        } catch {
            failure = error
        }
        // From here on, another thread may use the connection, and proton frees its own object if the transport has closed.
        pn_proactor_done(self.pointer, batch)
        switch end {
        case .none: break
        case .parked: unmanaged.release()
        case .finished:
            connection.owner?.connectionFinished(connection)
            unmanaged.release()
        }
        if let failure { throw failure }
    }

    private func handle(_ event: OpaquePointer, _ delegate: any ProactorDelegate) throws {
        switch pn_event_type(event) {
        case PN_LISTENER_ACCEPT: try accept(pn_event_listener(event), delegate)
        case PN_LISTENER_CLOSE:
            guard let pointer = pn_event_listener(event), let listener = Listener.existing(pointer) else { return }
            try listener.finish(pointer) { try delegate.listenerClosed(listener, condition: $0) }
        case PN_PROACTOR_TIMEOUT: try delegate.timeoutPassed()
        case PN_PROACTOR_INTERRUPT: try delegate.interrupted()
        default: break
        }
    }

    private func accept(_ pointer: OpaquePointer?, _ delegate: any ProactorDelegate) throws {
        guard let pointer, let listener = Listener.existing(pointer),
            let (connection, configuration) = try delegate.accept(on: listener)
        else { return }
        guard let accepted = connection.pointer else { return }
        _ = Unmanaged.passRetained(connection)
        connection.beginConnecting()
        connection.workQueue.attach(accepted) {
            pn_listener_accept2(pointer, accepted, configuration.makeTransport(for: connection))
        }
    }
}

extension Connection {
    /// Makes proton count the time to the next heartbeat from the output that was just written.
    ///
    /// Proton checks for output when it ticks, after half of the peer's idle time-out, and counts the other half from there. A
    /// peer that allows no margin would have closed the connection by then (AMQP 1.0, 2.4.5).
    fileprivate func noteOutput() {
        guard let transport = pointer.flatMap(pn_connection_transport),
            pn_transport_get_remote_idle_timeout(transport) > 0
        else { return }
        _ = pn_transport_tick(transport, pn_proactor_now_64())
    }
}

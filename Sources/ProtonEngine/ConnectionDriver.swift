// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// A connection without sockets: bytes in, events and bytes out (`pn_connection_driver_t`).
///
/// Tests connect two of them, or one of them to bytes of their own. Use a driver on one thread only.
package final class ConnectionDriver {
    private enum Phase {
        /// The connection is driven by hand.
        case byHand
        /// The connection belongs to a container whose loop runs.
        case inLoop
        /// The connection has left the driver: it has ended, or uses another transport.
        case over
    }

    package let connection: Connection
    private var phase: Phase
    // On the heap: proton keeps the driver's address in its connection.
    private let driver: UnsafeMutablePointer<pn_connection_driver_t>

    /// - Parameter wake: called from any thread when work has been added; notifies the owner of the driver.
    package convenience init(
        _ connection: Connection, _ configuration: TransportConfiguration, wake: (@Sendable () -> Void)? = nil
    ) {
        connection.beginConnecting()
        self.init(connection, configuration, .byHand)
        connection.workQueue.drive(wake)
    }

    private init(_ connection: Connection, _ configuration: TransportConfiguration, _ phase: Phase) {
        (self.connection, self.phase) = (connection, phase)
        driver = .allocate(capacity: 1)
        driver.initialize(to: pn_connection_driver_t())
        pn_connection_driver_init(driver, connection.pointer, configuration.makeTransport(for: connection))
    }

    /// Creates a driver for a connection of a loop when the connection's domain is left; called in the domain.
    /// - Parameters:
    ///   - othersFollow: whether this is one of several addresses, and not the last one.
    ///   - wake: called from any thread when there is work for the connection; notifies the loop.
    ///   - take: receives the driver, on this thread.
    package static func attach(
        _ connection: Connection, _ configuration: TransportConfiguration, othersFollow: Bool,
        wake: @escaping @Sendable () -> Void, _ take: @escaping (ConnectionDriver) -> Void
    ) {
        connection.place = Admission.Place(of: nil)
        connection.beginConnecting(othersFollow: othersFollow)
        connection.workQueue.move(.drive(wake) { take(ConnectionDriver(connection, configuration, .inLoop)) })
    }

    /// Creates a driver for a connection that a peer has made to a loop; called on the thread that has created the connection.
    package static func accept(
        _ connection: Connection, _ configuration: TransportConfiguration, wake: @escaping @Sendable () -> Void
    ) -> ConnectionDriver {
        connection.beginConnecting()
        return connection.workQueue.drive(wake: wake) { ConnectionDriver(connection, configuration, .inLoop) }
    }

    deinit {
        switch phase {
        case .byHand, .inLoop: connection.workQueue.abandon { connection.finish() }
        case .over: break
        }
        pn_connection_driver_destroy(driver)
        driver.deallocate()
    }

    /// Dispatches all pending events, and runs the work queue.
    /// - Returns: whether there was an event, or whether there are now more events or work.
    @discardableResult
    package func dispatchEvents() throws -> Bool {
        switch phase {
        case .byHand: try dispatchByHand()
        case .inLoop: try dispatchInLoop()
        case .over: false
        }
    }

    /// Works as a proactor does with its connections.
    private func dispatchInLoop() throws -> Bool {
        var any = false
        var end = BatchEnd.none
        var failure: (any Error)?
        func handle() throws {
            let first = nextEvent()
            any = any || first != nil
            let (reached, failure) = connection.handle(first, nextEvent)
            end = reached
            if let failure { throw failure }
        }
        do {
            try connection.workQueue.runBatch(handle, rest: handle)
        } catch {
            failure = error
        }
        switch end {
        case .none: any = any || hasEvents || connection.workQueue.hasWork
        case .parked: phase = .over
        case .finished:
            phase = .over
            connection.owner?.connectionFinished(connection)
        }
        if let failure { throw failure }
        return any
    }

    private func nextEvent() -> OpaquePointer? { pn_connection_driver_next_event(driver) }

    private func dispatchByHand() throws -> Bool {
        var any = false
        try connection.workQueue.runBatch {
            try connection.noteBatchStart()
            while let event = nextEvent() {
                any = true
                try connection.dispatch(event, pn_event_type(event))
            }
            connection.noteBatchEnd()
        }
        return any || hasEvents || connection.workQueue.hasWork
    }

    /// Whether there are events that `dispatchEvents` would dispatch.
    package var hasEvents: Bool { pn_connection_driver_has_event(driver) }

    /// Takes the pending output, at most `limit` bytes.
    package func takeOutput(limit: Int = .max) -> [UInt8] {
        // There may be unhandled events for the peer's input.
        if pn_connection_driver_has_event(driver) { connection.settleForeignDeliveries() }
        let buffer = pn_connection_driver_write_buffer(driver)
        let count = min(limit, buffer.size)
        let bytes = [UInt8](UnsafeRawBufferPointer(start: buffer.start, count: count))
        if count > 0 { pn_connection_driver_write_done(driver, count) }
        return bytes
    }

    /// Passes bytes from the peer to the engine.
    /// - Returns: the number of bytes taken; fewer than given if the buffer is full or the engine reads no more.
    package func putInput(_ bytes: ArraySlice<UInt8>) -> Int {
        let buffer = pn_connection_driver_read_buffer(driver)
        let count = min(bytes.count, buffer.size)
        guard count > 0 else { return 0 }
        bytes.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(start: buffer.start, count: count)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
        }
        pn_connection_driver_read_done(driver, count)
        return count
    }

    /// Closes the input: the peer sends no more.
    package func closeInput() { pn_connection_driver_read_close(driver) }

    /// Closes the output: the peer reads no more.
    package func closeOutput() { pn_connection_driver_write_close(driver) }

    /// Whether the engine takes no more bytes.
    package var isInputClosed: Bool { pn_connection_driver_read_closed(driver) }

    /// Whether the engine sends no more bytes.
    package var isOutputClosed: Bool { pn_connection_driver_write_closed(driver) }

    /// Whether both directions are closed and all events are handled.
    package var isFinished: Bool { pn_connection_driver_finished(driver) }

    /// Updates the engine's time, in milliseconds, for its heartbeats.
    /// - Returns: the time of the next update; 0 if none is needed.
    package func tick(_ now: Int64) -> Int64 { pn_transport_tick(driver.pointee.transport, now) }
}

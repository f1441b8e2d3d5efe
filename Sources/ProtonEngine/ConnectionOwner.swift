// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The owner of a connection, in a higher module, which runs the connection's loop.
///
/// It is set when the connection is created. A connection that is driven by hand has none.
package protocol ConnectionOwner: AnyObject, Sendable {
    /// Whether the calling thread may use a connection outside of its batches.
    ///
    /// If so, the owner calls `WorkQueue.endBorrowing` after the thread's current callback has returned.
    func mayBorrow(_ queue: WorkQueue) -> Bool
    /// Makes a thread call `WorkQueue.runParked`: the calling thread if the owner has no other. Called from any thread.
    func runItems(of queue: WorkQueue)
    /// Whether handlers receive events; false after one has failed, when the connections are only brought to their end.
    var isDispatching: Bool { get }

    /// Called after the peer has opened the connection, in the domain, before handlers receive the event.
    func connectionOpened(_ connection: Connection)
    /// Called after the transport has closed and all its events are handled: whether the connection will use another transport.
    ///
    /// Called in the domain.
    func transportClosed(_ connection: Connection) throws -> Bool
    /// Called after a connection has ended, on the thread of its last batch, outside the domain.
    func connectionFinished(_ connection: Connection)
    /// Schedules work in a connection's domain after this time, in place of work scheduled before; not run after the connection
    /// has ended.
    func setDeadline(
        of connection: Connection, after time: Duration, _ work: @escaping @Sendable (Connection) throws -> Void)
    /// Called after this side has closed or aborted a connection without a transport, when no peer will answer; in the domain.
    func endedWithoutTransport(_ connection: Connection)
}

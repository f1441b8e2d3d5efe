// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Who a connection belongs to: the floor above, which runs its loop.
///
/// Given to a connection when it is made. A connection that is driven by hand has none.
package protocol ConnectionOwner: AnyObject, Sendable {
    /// Whether the calling thread may use a connection outside of its batches.
    ///
    /// Where it may, the owner calls `WorkQueue.endLoan` when the thread's current callback has returned.
    func mayLend(_ queue: WorkQueue) -> Bool
    /// Has `WorkQueue.runParked` called, from any thread; on the calling one where there is no other.
    func runItems(of queue: WorkQueue)
    /// Whether handlers are told of events; false once one has failed and the rest is only brought to an end.
    var isDispatching: Bool { get }

    /// The peer has opened the connection. Called in the domain, before the handlers are told.
    func connectionOpened(_ connection: Connection)
    /// The transport has closed, and all its events are handled: whether the connection goes on over another one.
    ///
    /// Called in the domain.
    func transportClosed(_ connection: Connection) throws -> Bool
    /// A connection is over. Called by the thread whose batch was the last one, outside the domain.
    func connectionFinished(_ connection: Connection)
    /// Has work done in a connection's domain after this time, in place of what was wanted before; not once it is over.
    func setDeadline(
        of connection: Connection, after time: Duration, _ work: @escaping @Sendable (Connection) throws -> Void)
    /// This side has closed, or aborted, a connection that has no transport: no peer will answer. Called in the domain.
    func endedWithoutTransport(_ connection: Connection)
}

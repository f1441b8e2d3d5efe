// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

extension Connection {
    /// How far a connection has come with its end.
    enum Ending {
        /// This side has not closed it.
        case none
        /// This side has closed it, and the peer's close is waited for.
        case closed(Aftermath)
        /// Its peer broke a rule: nothing that it sends, or has sent, is acted on.
        case violated

        var isViolated: Bool { if case .violated = self { true } else { false } }
    }

    /// What has come behind this side's close.
    ///
    /// Proton acts on it, and frees nothing of what it makes of it, since it writes nothing any more.
    struct Aftermath {
        /// How many frames had come when this side closed.
        let frameCount: UInt64
        /// How many sessions and links the peer has begun since.
        var endpointCount = 0
    }

    /// How many frames may come behind a close: a peer sends what it had credit for before it knows.
    private static let maxFramesBehindClose: UInt64 = 50_000
    /// How many sessions and links may be begun behind a close.
    private static let maxEndpointsBehindClose = 1_024

    /// This side has closed the connection: from now on what the peer sends is counted.
    func noteLocalClose(_ transport: OpaquePointer) {
        guard case .none = ending else { return }
        ending = .closed(Aftermath(frameCount: pn_transport_get_frames_input(transport)))
        awaitClose()
    }

    /// The peer has begun a session or a link.
    /// - Returns: whether it is too much behind this side's close; then the connection is over.
    func refusesEndpoint() -> Bool {
        guard case .closed(var aftermath) = ending else { return false }
        aftermath.endpointCount += 1
        ending = .closed(aftermath)
        guard aftermath.endpointCount > Connection.maxEndpointsBehindClose else { return false }
        endForInputBehindClose()
        return true
    }

    /// The events of a batch have been handled.
    func noteBatchEnd() {
        boundInputBehindClose()
        watchOutput()
    }

    /// Ends a connection whose peer goes on and on behind this side's close.
    private func boundInputBehindClose() {
        guard case .closed(let aftermath) = ending, let transport = pointer.flatMap(pn_connection_transport),
            !pn_transport_tail_closed(transport),
            pn_transport_get_frames_input(transport) - aftermath.frameCount > Connection.maxFramesBehindClose
        else { return }
        endForInputBehindClose()
    }

    private func endForInputBehindClose() {
        end(for: Condition(.resourceLimitExceeded, "The peer went on sending behind the close of the connection."))
    }

    // MARK: The peer's answer

    /// What of the close is waited for.
    private enum Wait {
        /// The peer has not taken all that was sent before the close, so many times in a row.
        case writing(periods: Int)
        /// The close is written, and the peer has to answer it.
        case answer
    }

    /// How many times its `ConnectionLimits.closeTimeout` a peer may take to read what was sent before the close.
    private static let maxWritingPeriods = 10

    /// Gives a connection that this side has closed up where its peer does not answer in time.
    func awaitClose() {
        guard case .closed = ending, isRemoteOpened else { return }
        wait(isWritten ? .answer : .writing(periods: 1))
    }

    private func wait(_ what: Wait) {
        owner?.setDeadline(of: self, after: limits.closeTimeout) { $0.passDeadline(of: what) }
    }

    private func passDeadline(of wait: Wait) {
        guard case .closed = ending, !isRemoteClosed else { return }
        switch wait {
        case .writing where isWritten: self.wait(.answer)
        case .writing(let periods) where periods < Connection.maxWritingPeriods:
            self.wait(.writing(periods: periods + 1))
        case .writing:
            abort(Condition(.closeTimeout, "The peer does not take what was sent before the close."))
        case .answer:
            abort(Condition(.closeTimeout, "No close frame came within \(limits.closeTimeout) of this side's."))
        }
    }

    /// The peer sends nothing more, and has not closed the connection: ends the transport once what waits is written.
    ///
    /// Proton would wait for its own side to be closed, for ever where what came is no frame: it says nothing of that.
    func endAfterTail() {
        guard let pointer, let transport = pn_connection_transport(pointer), !ending.isViolated,
            pn_connection_state(pointer) & PN_REMOTE_CLOSED == 0
        else { return }
        let isHeadClosed = pn_transport_head_closed(transport)
        // Proton tells by itself that a peer is gone, but not through a layer; it calls it this.
        let isGone = sasl?.isBegun ?? false
        if pn_condition_is_set(pn_transport_condition(transport)) {
            // Nor does it make an event of what the socket's error was.
            if isGone, !isTransportErrorTold { noteAbort() }
        } else if !isHeadClosed || (isGone && isLocalOpen) {
            let condition = Condition(
                .framingError, isGone ? "connection aborted" : "What came is no frame of AMQP 1.0.")
            noteAbort()
            Condition.set(condition, in: pn_transport_condition(transport))
            // A connection of the program's is made again, which one that it has closed is not. A peer that is gone reads
            // no close, and it is this that the program is told of.
            if isIncoming, !isGone { close(condition) }
        }
        guard !isHeadClosed else { return }
        // Work that work adds runs in the next batch: by then this one's output is written.
        workQueue.add { connection in
            connection.workQueue.add { connection in
                // Not that of a transport that has taken its place meanwhile.
                guard let transport = connection.pointer.flatMap(pn_connection_transport),
                    pn_transport_tail_closed(transport)
                else { return }
                pn_transport_close_head(transport)
            }
        }
    }

    /// Whether the peer's socket has taken all that there was to write.
    private var isWritten: Bool {
        pointer.flatMap(pn_connection_transport).map { pn_transport_head($0) == nil } ?? true
    }
}

extension Symbol {
    /// The condition of a connection whose peer did not answer this side's close in time.
    package static let closeTimeout: Symbol = "proton:close-timeout"
}

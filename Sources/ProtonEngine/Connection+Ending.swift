// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

extension Connection {
    /// How this side ends a connection.
    enum Ending {
        /// This side has not closed it.
        case none
        /// This side has closed it, and waits for the peer's close.
        case closed(Aftermath)
        /// The peer broke a rule: nothing that it sends or has sent is processed.
        case violated

        var isViolated: Bool { if case .violated = self { true } else { false } }
    }

    /// Counts the input that arrives after this side's close.
    ///
    /// Proton processes this input, but frees nothing that it creates for it, because it no longer writes.
    struct Aftermath {
        /// The number of frames received before this side's close.
        let frameCount: UInt64
        /// The number of sessions and links that the peer has begun since.
        var endpointCount = 0
    }

    /// The maximum number of frames after a close: until the peer reads the close, it sends what it has credit for.
    private static let maxFramesBehindClose: UInt64 = 50_000
    /// The maximum number of sessions and links that may begin after a close.
    private static let maxEndpointsBehindClose = 1_024

    /// Starts to count the peer's input after this side's close.
    func noteLocalClose(_ transport: OpaquePointer) {
        guard case .none = ending else { return }
        ending = .closed(Aftermath(frameCount: pn_transport_get_frames_input(transport)))
        awaitClose()
    }

    /// Counts a session or link that the peer has begun.
    /// - Returns: whether there are too many after this side's close; the connection ends then.
    func refusesEndpoint() -> Bool {
        guard case .closed(var aftermath) = ending else { return false }
        aftermath.endpointCount += 1
        ending = .closed(aftermath)
        guard aftermath.endpointCount > Connection.maxEndpointsBehindClose else { return false }
        endForInputBehindClose()
        return true
    }

    /// Called after the events of a batch are handled.
    func noteBatchEnd() {
        boundInputBehindClose()
        watchOutput()
    }

    /// Ends a connection whose peer sends too many frames after this side's close.
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

    /// What the connection waits for after its close.
    private enum Wait {
        /// The peer has not read all output from before the close, for this number of periods in a row.
        case writing(periods: Int)
        /// The close is written, and the peer has to answer it.
        case answer
    }

    /// How many periods of `ConnectionLimits.closeTimeout` a peer may take to read the output from before the close.
    private static let maxWritingPeriods = 10

    /// Aborts a connection that this side has closed if its peer does not answer in time.
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

    /// Ends the transport after the pending output is written, because the peer has closed its side without a close frame.
    ///
    /// Otherwise proton would wait for the local close; for ever if the input was not a frame, which proton does not report.
    func endAfterTail() {
        guard let pointer, let transport = pn_connection_transport(pointer), !ending.isViolated,
            pn_connection_state(pointer) & PN_REMOTE_CLOSED == 0
        else { return }
        let isHeadClosed = pn_transport_head_closed(transport)
        // Proton itself reports a lost peer with this condition, but not for a transport with a layer.
        let isGone = sasl?.isBegun ?? false
        if pn_condition_is_set(pn_transport_condition(transport)) {
            // Proton makes no event for the socket's error either.
            if isGone, !isTransportErrorReported { noteAbort() }
        } else if !isHeadClosed || (isGone && isLocalOpen) {
            let condition = Condition(
                .framingError, isGone ? "connection aborted" : "What came is no frame of AMQP 1.0.")
            noteAbort()
            Condition.set(condition, in: pn_transport_condition(transport))
            // A client's connection is made again, which a closed connection is not, so only a server's is closed here. A lost
            // peer reads no close frame, and the program receives this condition.
            if isIncoming, !isGone { close(condition) }
        }
        guard !isHeadClosed else { return }
        // Work that is added by work runs in the next batch; by then the output of this batch is written.
        workQueue.add { connection in
            connection.workQueue.add { connection in
                // The connection may have a new transport by now, which must not be closed.
                guard let transport = connection.pointer.flatMap(pn_connection_transport),
                    pn_transport_tail_closed(transport)
                else { return }
                pn_transport_close_head(transport)
            }
        }
    }

    /// Whether the socket has taken all output.
    private var isWritten: Bool {
        pointer.flatMap(pn_connection_transport).map { pn_transport_head($0) == nil } ?? true
    }
}

extension Symbol {
    /// The condition of a connection that was aborted because its peer did not answer the close in time.
    package static let closeTimeout: Symbol = "proton:close-timeout"
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

/// The frame layer of one transport, between its socket and proton's parser.
///
/// `@unchecked Sendable`: proton calls it from calls on its transport, of which there is only one at a time: calls of a thread in
/// the connection's domain, and of the proactor (`pn_proactor_wait`, `pn_event_batch_next`, `pn_proactor_done`) before the domain
/// is entered and after it is left. All other uses are work that runs in the domain. It uses the connection only in such work.
final class FrameLayer: @unchecked Sendable {
    @exclusivity(unchecked) private var scanner: FrameScanner
    private let workQueue: WorkQueue
    /// Whether work was added that makes proton write.
    private var hasAskedForOutput = false

    init(_ limits: ConnectionLimits, _ workQueue: WorkQueue) {
        scanner = FrameScanner(
            maxFrameSize: limits.maxFrameSize, maxSessions: limits.maxSessions, maxLinks: limits.maxLinks,
            maxNameSize: limits.maxNameSize)
        self.workQueue = workQueue
    }

    /// The highest handle that the peer allows: the lowest `handle-max` of its sessions.
    var peerHandleMax: UInt32 { scanner.sessions.peerHandleMax }

    /// Processes received bytes.
    /// - Returns: the bytes for proton, valid until the next call.
    func receive(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let hadViolation = scanner.violation != nil
        let frames = scanner.receive(bytes)
        if !hadViolation, let violation = scanner.violation { end(for: violation) }
        if scanner.hasAnswers { askForOutput() }
        return frames
    }

    /// Processes proton's output.
    /// - Returns: the bytes to send, valid until the next call.
    func send(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let frames = scanner.send(bytes)
        if exchange(&scanner.hasSentHeartbeat, with: false) { noteHeartbeat() }
        return frames
    }

    /// Makes proton check its heartbeats after this one is written.
    ///
    /// With TLS a heartbeat is longer than proton expects, so that proton takes it for other output, and sends the next one after
    /// the whole of the peer's idle time-out instead of half of it (AMQP 1.0, 2.4.5).
    private func noteHeartbeat() {
        workQueue.add { _ in }
    }

    /// Ends the connection after the input before the violation is handled. This is done by added work, because proton may call
    /// from outside of the domain, and the input that it gets now makes events first.
    private func end(for violation: FrameViolation) {
        workQueue.add { $0.end(for: violation.condition) }
    }

    /// Makes proton write, if no output has occurred by then, because answers are sent with proton's frames.
    private func askForOutput() {
        guard !exchange(&hasAskedForOutput, with: true) else { return }
        workQueue.add { [weak self] connection in
            guard let self else { return }
            hasAskedForOutput = false
            if scanner.hasAnswers { connection.writeScratchLink() }
        }
    }
}

extension Connection {
    /// Makes proton write frames that `FrameScanner.send` drops, so that pending answers are sent.
    ///
    /// Proton 0.37 writes a flow only if the credit of a link changes, and calls the layer only if it has output. A link that is
    /// attached and detached at once has no other effect, and does not involve a link of the program's.
    fileprivate func writeScratchLink() {
        guard let pointer, pn_connection_state(pointer) & PN_LOCAL_ACTIVE != 0,
            let session = pn_session_head(pointer, PN_LOCAL_ACTIVE)
        else { return }
        let name = FrameScanner.scratchName.map { CChar(bitPattern: $0) } + [0]
        guard let link = pn_sender(session, name) else { return }
        pn_link_open(link)
        pn_link_close(link)
        pn_link_free(link)
    }
}

extension Link {
    /// Whether proton's link is one of `Connection.writeScratchLink`, whose events are ignored.
    static func isScratch(_ pointer: OpaquePointer) -> Bool {
        guard let name = pn_link_name(pointer) else { return false }
        return UInt8(bitPattern: name[0]) == FrameScanner.scratchName[0]
            && UInt8(bitPattern: name[1]) == FrameScanner.scratchName[1]
    }
}

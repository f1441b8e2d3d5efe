// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

/// The layer of frames of one transport, between its socket and proton's parser.
///
/// `@unchecked Sendable`: proton calls it from calls on its transport, of which there is one at a time: those that a thread
/// makes in the connection's domain, and those of the proactor's (`pn_proactor_wait`, `pn_event_batch_next`,
/// `pn_proactor_done`) before it is entered and after it is left. What uses it elsewhere is work that runs in the domain.
/// It touches no connection but by such work.
final class FrameLayer: @unchecked Sendable {
    @exclusivity(unchecked) private var scanner: FrameScanner
    private let workQueue: WorkQueue
    /// Whether work has been added that makes proton write.
    private var hasAskedForOutput = false

    init(_ limits: ConnectionLimits, _ workQueue: WorkQueue) {
        scanner = FrameScanner(
            maxFrameSize: limits.maxFrameSize, maxSessions: limits.maxSessions, maxLinks: limits.maxLinks,
            maxNameSize: limits.maxNameSize)
        self.workQueue = workQueue
    }

    /// The highest handle that the peer takes: the lowest one that it has said for a session.
    var peerHandleMax: UInt32 { scanner.sessions.peerHandleMax }

    /// Takes bytes that have come.
    /// - Returns: those that proton gets, valid until the next call.
    func receive(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let hadViolation = scanner.violation != nil
        let frames = scanner.receive(bytes)
        if !hadViolation, let violation = scanner.violation { end(for: violation) }
        if scanner.hasAnswers { askForOutput() }
        return frames
    }

    /// Takes bytes of proton's.
    /// - Returns: those that go out, valid until the next call.
    func send(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let frames = scanner.send(bytes)
        if exchange(&scanner.hasSentHeartbeat, with: false) { noteHeartbeat() }
        return frames
    }

    /// Has proton look at its heartbeats once this one is written.
    ///
    /// TLS makes one longer than proton counts: it would take it for something else that went out, and send the next one after
    /// all of the time that the peer allows in place of half of it (AMQP 1.0, 2.4.5).
    private func noteHeartbeat() {
        workQueue.add { _ in }
    }

    /// Has the connection end, once what came before the violation has been handled: proton may be calling from outside of
    /// the domain, and what it hands on now makes events first.
    private func end(for violation: FrameViolation) {
        workQueue.add { $0.end(for: violation.condition) }
    }

    /// Answers go out with frames of proton's: has it write some, where none have gone out by then.
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
    /// Has proton write frames that `FrameScanner.send` drops, so that what it owes the peer goes out.
    ///
    /// Proton 0.37 writes a flow only where the credit of a link changes, and passes the layer nothing where it has nothing
    /// to write. A link that is attached and detached at once has no other effect, and needs no link of the program's.
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
    /// Whether proton's link is one of `Connection.writeScratchLink`, whose events are nobody's.
    static func isScratch(_ pointer: OpaquePointer) -> Bool {
        guard let name = pn_link_name(pointer) else { return false }
        return UInt8(bitPattern: name[0]) == FrameScanner.scratchName[0]
            && UInt8(bitPattern: name[1]) == FrameScanner.scratchName[1]
    }
}

import CProton
import ProtonUtilities

/// What belongs to one transport's SASL layer and its layer of frames.
///
/// Proton's transport keeps it until it is freed (`pnx_sasl_implementation.free`), on whichever thread frees the transport.
///
/// `@unchecked Sendable`: proton calls the functions of the layer from calls on its transport, of which there is one at a
/// time: those that a thread makes in the connection's domain, and those of the proactor's (`pn_proactor_wait`,
/// `pn_event_batch_next`, `pn_proactor_done`) before it is entered and after it is left. What uses it elsewhere is work that
/// runs in the domain. It touches no connection but by such work.
final class SASLContext: @unchecked Sendable {
    @exclusivity(unchecked) private var scanner: FrameScanner
    private let workQueue: WorkQueue
    /// Whether work has been added that makes proton write.
    private var hasAskedForOutput = false
    /// The identity that a peer has asked for by EXTERNAL; proton keeps its address.
    private var authorization: UnsafeMutablePointer<CChar>?

    init(_ limits: ConnectionLimits, _ workQueue: WorkQueue) {
        scanner = FrameScanner(
            maxFrameSize: limits.maxFrameSize, maxSessions: limits.maxSessions, maxLinks: limits.maxLinks)
        self.workQueue = workQueue
    }

    deinit { authorization?.deallocate() }

    /// Makes a C string that lives as long as the context, in place of the one before.
    func keep(_ bytes: UnsafeRawBufferPointer) -> UnsafePointer<CChar> {
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
        UnsafeMutableRawBufferPointer(start: text, count: bytes.count).copyMemory(from: bytes)
        text[bytes.count] = 0
        authorization?.deallocate()
        authorization = text
        return UnsafePointer(text)
    }

    // MARK: Frames

    /// Whether frames come this way, and nothing has that is none, or no performative of AMQP's.
    var hasOnlyPassedFrames: Bool { isInUse && !scanner.hasPassedOther }
    /// Whether anything has come this way.
    private var isInUse = false

    /// Takes bytes that have come.
    /// - Returns: those that proton gets, valid until the next call.
    func receive(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        isInUse = true
        let frames = scanner.receive(bytes)
        if scanner.hasAnswers { askForOutput() }
        return frames
    }

    /// Takes bytes of proton's.
    /// - Returns: those that go out, valid until the next call.
    func send(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        scanner.send(bytes)
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

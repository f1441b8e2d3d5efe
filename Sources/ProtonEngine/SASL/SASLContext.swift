// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

/// The SASL layer of one transport: all of its bytes pass through it, during SASL and afterwards.
///
/// Subclasses implement the exchange of a client or a server.
///
/// Proton's transport keeps it until the transport is freed (`pnx_sasl_implementation.free`), on any thread.
///
/// `@unchecked Sendable`, its subclasses too: proton calls the SASL functions from calls on its transport, of which there is only
/// one at a time: calls of a thread in the connection's domain, and of the proactor (`pn_proactor_wait`, `pn_event_batch_next`,
/// `pn_proactor_done`) before the domain is entered and after it is left. All other uses are work that runs in the domain.
class SASLContext: @unchecked Sendable {
    /// The progress of SASL.
    enum Progress {
        /// The peer has not begun SASL, and may omit it.
        case none
        /// Only SASL is accepted from the peer.
        case underWay
        /// SASL has succeeded, and the AMQP protocol header is expected from the peer.
        case succeeded
        /// Input passes the frame layer.
        case done
        /// The connection ends: no input is accepted.
        case failed
    }

    /// The state of the mechanisms that a server's proton writes.
    private enum Offering {
        case none, due, written
    }

    /// The state of the stand-in that proton receives instead of the peer's open frame.
    private enum StandIn {
        case none
        /// Proton receives it when the current call returns.
        case handedOn
        /// Proton has read it.
        case read
    }

    /// The frame layer; nil if there is none.
    final let frames: FrameLayer?
    /// The TLS session of the transport; nil without TLS.
    final let tls: TLSSession?
    /// The log of the transport's frames; nil for none.
    final let trace: FrameTrace?
    private let workQueue: WorkQueue
    /// The task that computes a part of the exchange; there is only one at a time.
    private var task: Task<Void, Never>?
    /// The reason why authentication failed.
    final var failure: LoginFailure?
    /// The progress of SASL.
    final private(set) var progress = Progress.none
    /// The user of a client's credentials, if the program was asked for these.
    final var user: String?
    /// The mechanism that the client has chosen.
    final var mechanism: SASLMechanism?

    private var input: SASLInput
    private var output = SASLOutput()
    /// Whether the peer's SASL header was read; for a server, proton reads it.
    private var hasHeader: Bool
    private var offering = Offering.none
    private var standIn = StandIn.none
    /// Whether the remote open event of the stand-in has occurred.
    private var isStandInTold = false
    /// The bytes that a call returns to proton, valid until the next call.
    private var buffer = ByteStore()
    /// Whether proton has received the peer's open frame.
    private var isOpenHandedOn = false
    /// Whether all output from before the peer's open frame is sent.
    private var isOutputDone = false
    /// Whether work was added that makes proton ask for output.
    private var hasAskedForOutput = false
    /// The number of frames that proton has written only to ask for output.
    private var askedCount = 0
    /// The number of frames sent and received that proton does not count, minus those that it counts and that were not sent or
    /// received.
    private(set) final var unseenFrames: (sent: Int64, received: Int64) = (0, 0)
    /// Strings whose addresses proton keeps.
    private var names: (user: CString?, authorization: CString?, mechanisms: CString?)

    init(
        isServer: Bool, frames: FrameLayer?, tls: TLSSession?, trace: FrameTrace?, maxFrameSize: UInt32,
        _ workQueue: WorkQueue
    ) {
        (self.frames, self.tls, self.trace, self.workQueue) = (frames, tls, trace, workQueue)
        input = SASLInput(maxFrameSize: Int(maxFrameSize))
        hasHeader = isServer
    }

    deinit { task?.cancel() }

    // MARK: Overridden by subclasses

    /// The mechanisms that a server offers.
    func offers(_ layer: SASLLayer) -> [SASLMechanism] { [] }

    /// Handles a frame from the peer.
    /// - Returns: whether the peer is allowed to send this frame.
    func take(_ frame: SASLFrame, _ layer: SASLLayer) -> Bool { false }

    // MARK: Progress

    /// The context of a transport; nil if its SASL is not implemented here.
    static func of(_ transport: OpaquePointer) -> SASLContext? {
        pnx_sasl_get_context(transport).map { Unmanaged<SASLContext>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Whether the SASL exchange is in progress.
    final var isUnderWay: Bool { if case .underWay = progress { true } else { false } }

    /// Whether the peer's input passes through this layer.
    final var isBegun: Bool { if case .none = progress { false } else { true } }

    /// Begins SASL: only SASL is accepted from the peer from now on.
    final func begin(_ layer: SASLLayer) {
        guard case .none = progress else { return }
        progress = .underWay
        guard hasHeader else {
            trace?.note(SASLInput.ProtocolLayer.sasl.header, isIncoming: false, layer)
            return layer.takeOver()
        }
        // Proton reads the client's header, and writes this side's.
        trace?.note(SASLInput.ProtocolLayer.sasl.header, isIncoming: true, layer)
        trace?.note(SASLInput.ProtocolLayer.sasl.header, isIncoming: false, layer)
    }

    /// Offers mechanisms to a client.
    final func offer(_ layer: SASLLayer) {
        offering = .due
        layer.offer()
    }

    /// Called before proton writes SASL frames, and again when it looks for more of them.
    final func prepareWrite(_ layer: SASLLayer) {
        switch offering {
        case .none: break
        case .due: offering = .written
        case .written:
            offering = .none
            layer.takeOver()
        }
    }

    /// The names of the mechanisms that a server offers, separated by spaces.
    final func mechanismList(_ layer: SASLLayer) -> UnsafePointer<CChar>? {
        let names = offers(layer).map(\.rawValue)
        trace?.note(SASLFrame.mechanisms(names).encoded, isIncoming: false, layer)
        let list = CString(names.joined(separator: " "))
        self.names.mechanisms = list
        return list.pointer
    }

    /// Completes SASL successfully, on either side.
    final func succeed(_ layer: SASLLayer, user: String?, authorization: String?) {
        guard case .underWay = progress else { return }
        progress = .succeeded
        (names.user, names.authorization) = (user.map(CString.init), authorization.map(CString.init))
        if let mechanism { pnx_sasl_set_selected_mechanism(layer.transport, mechanism.rawValue) }
        pnx_sasl_set_succeeded(layer.transport, names.user?.pointer, names.authorization?.pointer)
        askForOutput(layer)
    }

    /// Ends the transport after the posted frames are sent, because authentication has failed.
    final func fail(_ condition: Condition) {
        guard case .underWay = progress else { return }
        progress = .failed
        onTransport { context, layer in
            // TLS writes nothing after the transport has failed, so the output is flushed before.
            layer.flush()
            layer.fail(condition)
            context.trace?.log.take(.error, "\(condition.name) \(condition.description ?? "")", layer.address)
        }
    }

    /// Ends the connection because the peer violated the protocol.
    private func refuse(_ violation: SASLInput.Violation) {
        progress = .failed
        workQueue.add { $0.end(for: violation.condition) }
    }

    /// Ends the connection because the peer has sent a SASL frame outside of SASL.
    final func refuseLateFrame(_ layer: SASLLayer) {
        workQueue.add { $0.end(for: Condition(.framingError, "A frame of SASL came outside of SASL.")) }
    }

    // MARK: Bytes

    /// Processes bytes from the peer.
    /// - Returns: the bytes for proton, valid until the next call.
    final func receive(_ bytes: UnsafeRawBufferPointer, _ layer: SASLLayer) -> UnsafeRawBufferPointer {
        trace?.note(bytes, isIncoming: true, layer)
        if case .done = progress { return takeFrames(bytes, layer) }
        buffer.removeAll()
        guard isBegun else { return buffer.bytes }
        switch standIn {
        case .none:
            standIn = .handedOn
            unseenFrames.received -= 1
            buffer.append(SASLLayer.standIn)
        case .handedOn, .read: standIn = .read
        }
        input.append(bytes)
        do throws(SASLInput.Violation) {
            try takeInput(layer)
        } catch {
            refuse(error)
        }
        return buffer.bytes
    }

    private func takeInput(_ layer: SASLLayer) throws(SASLInput.Violation) {
        if !hasHeader {
            guard try input.takeHeader(.sasl) else { return }
            hasHeader = true
        }
        while case .underWay = progress {
            guard let frame = try input.nextFrame() else { return }
            unseenFrames.received += 1
            guard take(frame, layer) else { throw .encoding }
        }
        guard case .succeeded = progress, try input.takeHeader(.amqp) else { return }
        progress = .done
        // Proton has already received a header, with the stand-in.
        SASLInput.ProtocolLayer.amqp.header.withUnsafeBytes { _ = frames?.receive($0) }
        var rest = input.takeRest()
        // Proton must still be able to ask for output.
        if case .handedOn = standIn { SASLLayer.setIdleTimeout(ofOpenIn: &rest) }
        rest.withUnsafeBytes { buffer.append(takeFrames($0, layer)) }
    }

    /// Processes AMQP frames from the peer.
    private func takeFrames(_ bytes: UnsafeRawBufferPointer, _ layer: SASLLayer) -> UnsafeRawBufferPointer {
        let frames = frames?.receive(bytes) ?? bytes
        if !isOpenHandedOn, !frames.isEmpty {
            isOpenHandedOn = true
            // If proton has just written a frame to ask for output, no other is needed.
            if !isAsked { noteAsked(layer.forgetHeartbeat()) }
        }
        return frames
    }

    /// Processes proton's output.
    /// - Returns: the bytes to send, valid until the next call.
    final func send(_ bytes: UnsafeRawBufferPointer, _ layer: SASLLayer) -> UnsafeRawBufferPointer {
        if isOutputDone {
            let frames = frames?.send(bytes) ?? bytes
            trace?.note(frames, isIncoming: false, layer)
            return frames
        }
        buffer.removeAll()
        output.takePosted(to: &buffer)
        switch progress {
        case .none, .underWay: output.hold(bytes)
        case .failed: break
        case .succeeded, .done:
            output.hold(bytes)
            output.release { buffer.append(frames?.send($0) ?? $0) }
            isOutputDone = isOpenHandedOn && output.isWhole && !isAsked
        }
        trace?.note(buffer.bytes, isIncoming: false, layer)
        return buffer.bytes
    }

    /// Sends a frame.
    final func post(_ frame: SASLFrame, _ layer: SASLLayer) {
        unseenFrames.sent += 1
        output.post(frame.encoded)
        askForOutput(layer)
    }

    /// Makes proton ask for output: at once if it has read the stand-in, and otherwise in the domain.
    ///
    /// The call is made at once if possible, because the peer's open frame may make it impossible later.
    private func askForOutput(_ layer: SASLLayer) {
        if case .read = standIn { return askNow(layer) }
        guard !exchange(&hasAskedForOutput, with: true) else { return }
        onTransport { context, layer in context.askNow(layer) }
    }

    /// Whether a frame that proton has written only to ask for output is still to be dropped.
    private var isAsked: Bool { output.dropped < askedCount }

    private func askNow(_ layer: SASLLayer) {
        hasAskedForOutput = false
        guard !isOutputDone, !isAsked else { return }
        noteAsked(layer.askForOutput())
    }

    /// Counts frames that proton has written and that are to be dropped.
    private func noteAsked(_ count: Int) {
        askedCount += count
        unseenFrames.sent -= Int64(count)
    }

    /// Whether a remote open event is that of the stand-in; true once.
    final func takeStandInEvent() -> Bool {
        guard isBegun else { return false }
        return !exchange(&isStandInTold, with: true)
    }

    // MARK: Used by subclasses

    /// Adds work to the connection's domain; it is skipped if the connection has another transport by then.
    private func onTransport(_ work: @escaping @Sendable (SASLContext, SASLLayer) -> Void) {
        workQueue.add { [weak self] connection in
            guard let self, let transport = connection.pointer.flatMap(pn_connection_transport),
                pnx_sasl_get_context(transport) == Unmanaged.passUnretained(self).toOpaque()
            else { return }
            let layer = SASLLayer(transport: transport)
            if layer.isAlive { work(self, layer) }
        }
    }

    /// Runs a closure off the connection's thread, in place of an earlier one.
    ///
    /// The result is passed to `goOn` in the connection's domain, if the transport still exists.
    final func elsewhere<Result: Sendable>(
        _ work: @escaping @Sendable () async -> Result,
        then goOn: @escaping @Sendable (SASLLayer, Result) -> Void
    ) {
        task?.cancel()
        // With a high priority, because a handshake has a time limit, and the program may have many tasks.
        task = Task.detached(priority: .high) { [weak self] in
            let result = await work()
            self?.onTransport { _, layer in goOn(layer, result) }
        }
    }
}

/// A C string with a fixed address.
private final class CString {
    private let bytes: UnsafeMutableBufferPointer<CChar>

    var pointer: UnsafePointer<CChar>? { bytes.baseAddress.map { UnsafePointer($0) } }

    init(_ text: String) {
        bytes = .allocate(capacity: text.utf8.count + 1)
        _ = bytes.initialize(from: text.utf8CString)
    }

    deinit { bytes.deallocate() }
}

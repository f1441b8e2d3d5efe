// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import ProtonUtilities

/// What belongs to one transport's SASL layer: all its bytes, before SASL is done and after; in a subclass the exchange of a
/// client or a server.
///
/// Proton's transport keeps it until it is freed (`pnx_sasl_implementation.free`), on whichever thread frees the transport.
///
/// `@unchecked Sendable`, its subclasses too: proton calls the functions of SASL from calls on its transport, of which there
/// is one at a time: those that a thread makes in the connection's domain, and those of the proactor's (`pn_proactor_wait`,
/// `pn_event_batch_next`, `pn_proactor_done`) before it is entered and after it is left. What uses it elsewhere is work that
/// runs in the domain.
class SASLContext: @unchecked Sendable {
    /// How far SASL has come.
    enum Progress {
        /// The peer has not begun it, and may leave it out.
        case none
        /// Nothing but SASL is taken from the peer.
        case underWay
        /// The peer is logged in, and AMQP's protocol header is taken from it.
        case succeeded
        /// What comes passes the layer of frames.
        case done
        /// The connection ends: nothing is taken from the peer.
        case failed
    }

    /// What has become of the mechanisms that a server's proton is to write.
    private enum Offering {
        case none, due, written
    }

    /// What proton has been handed in the place of the peer's open frame.
    private enum StandIn {
        case none
        /// Proton gets it when the current call returns.
        case handedOn
        /// Proton has read it.
        case read
    }

    /// The layer of frames; nil where there is none.
    final let frames: FrameLayer?
    /// The TLS of the transport, where it has any.
    final let tls: TLSSession?
    /// What the transport's frames are told to; nil is nobody.
    final let trace: FrameTrace?
    private let workQueue: WorkQueue
    /// What is done elsewhere for the exchange; there is one thing at a time.
    private var task: Task<Void, Never>?
    /// Why the log-in has failed.
    final var failure: LoginFailure?
    /// How far SASL has come.
    final private(set) var progress = Progress.none
    /// The user that a client logs in as, where the program was asked for that.
    final var user: String?
    /// The mechanism that the client has chosen.
    final var mechanism: SASLMechanism?

    private var input: SASLInput
    private var output = SASLOutput()
    /// Whether the peer's header of SASL's has come: a server's proton takes it.
    private var hasHeader: Bool
    private var offering = Offering.none
    private var standIn = StandIn.none
    /// Whether the event that the peer has opened has come for it.
    private var isStandInTold = false
    /// What a call of proton's gets, until the next one.
    private var buffer = ByteStore()
    /// Whether proton has been handed the peer's open frame.
    private var isOpenHandedOn = false
    /// Whether all that proton wrote before that is out.
    private var isOutputDone = false
    /// Whether work has been added that has proton ask for output.
    private var hasAskedForOutput = false
    /// How many frames proton has written only to ask for output.
    private var askedCount = 0
    /// How many frames have come and gone that proton does not know of, less those that it knows and that have not.
    private(set) final var unseenFrames: (sent: Int64, received: Int64) = (0, 0)
    /// What proton keeps the addresses of.
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

    // MARK: What a subclass does

    /// A server is to say what it offers.
    func offers(_ layer: SASLLayer) -> [SASLMechanism] { [] }

    /// Takes a frame of the peer's.
    /// - Returns: whether it is one that the peer's side may send.
    func take(_ frame: SASLFrame, _ layer: SASLLayer) -> Bool { false }

    // MARK: Progress

    /// What proton keeps for a transport; nil where its SASL is not one of these.
    static func of(_ transport: OpaquePointer) -> SASLContext? {
        pnx_sasl_get_context(transport).map { Unmanaged<SASLContext>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Whether the peer has begun SASL, and neither side has ended it.
    final var isUnderWay: Bool { if case .underWay = progress { true } else { false } }

    /// Whether what the peer sends comes to this.
    final var isBegun: Bool { if case .none = progress { false } else { true } }

    /// Nothing but SASL is taken from the peer from now on.
    final func begin(_ layer: SASLLayer) {
        guard case .none = progress else { return }
        progress = .underWay
        guard hasHeader else {
            trace?.note(SASLInput.ProtocolLayer.sasl.header, isIncoming: false, layer)
            return layer.takeOver()
        }
        // Proton takes the client's header, and writes this side's.
        trace?.note(SASLInput.ProtocolLayer.sasl.header, isIncoming: true, layer)
        trace?.note(SASLInput.ProtocolLayer.sasl.header, isIncoming: false, layer)
    }

    /// Offers a client mechanisms.
    final func offer(_ layer: SASLLayer) {
        offering = .due
        layer.offer()
    }

    /// Proton writes what SASL has to say, or has written it and looks for more.
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

    /// The peer is logged in, or has logged this side in.
    final func succeed(_ layer: SASLLayer, user: String?, authorization: String?) {
        guard case .underWay = progress else { return }
        progress = .succeeded
        (names.user, names.authorization) = (user.map(CString.init), authorization.map(CString.init))
        if let mechanism { pnx_sasl_set_selected_mechanism(layer.transport, mechanism.rawValue) }
        pnx_sasl_set_succeeded(layer.transport, names.user?.pointer, names.authorization?.pointer)
        askForOutput(layer)
    }

    /// The log-in has failed: the transport ends once what has been posted is out.
    final func fail(_ condition: Condition) {
        guard case .underWay = progress else { return }
        progress = .failed
        onTransport { context, layer in
            // TLS writes nothing more once the transport has failed.
            layer.flush()
            layer.fail(condition)
            context.trace?.log.take(.error, "\(condition.name) \(condition.description ?? "")", layer.address)
        }
    }

    /// The peer has broken the protocol: the connection ends.
    private func refuse(_ violation: SASLInput.Violation) {
        progress = .failed
        workQueue.add { $0.end(for: violation.condition) }
    }

    /// Ends the connection: the peer has sent a frame of SASL's without SASL.
    final func refuseLateFrame(_ layer: SASLLayer) {
        workQueue.add { $0.end(for: Condition(.framingError, "A frame of SASL came outside of SASL.")) }
    }

    // MARK: Bytes

    /// Takes bytes from the peer.
    /// - Returns: those that proton gets, valid until the next call.
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
        // Proton has had one.
        SASLInput.ProtocolLayer.amqp.header.withUnsafeBytes { _ = frames?.receive($0) }
        var rest = input.takeRest()
        // Proton is still to be asked for output.
        if case .handedOn = standIn { SASLLayer.setIdleTimeout(ofOpenIn: &rest) }
        rest.withUnsafeBytes { buffer.append(takeFrames($0, layer)) }
    }

    /// Takes frames of AMQP's from the peer.
    private func takeFrames(_ bytes: UnsafeRawBufferPointer, _ layer: SASLLayer) -> UnsafeRawBufferPointer {
        let frames = frames?.receive(bytes) ?? bytes
        if !isOpenHandedOn, !frames.isEmpty {
            isOpenHandedOn = true
            // What it has just written for another reason does as well.
            if !isAsked { noteAsked(layer.forgetHeartbeat()) }
        }
        return frames
    }

    /// Takes bytes of proton's.
    /// - Returns: those that go out, valid until the next call.
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

    /// Has proton ask for output: now, since the peer's open frame may put an end to that, or once it has read the stand-in.
    private func askForOutput(_ layer: SASLLayer) {
        if case .read = standIn { return askNow(layer) }
        guard !exchange(&hasAskedForOutput, with: true) else { return }
        onTransport { context, layer in context.askNow(layer) }
    }

    /// Whether a frame that proton has written for nothing else is still to come.
    private var isAsked: Bool { output.dropped < askedCount }

    private func askNow(_ layer: SASLLayer) {
        hasAskedForOutput = false
        guard !isOutputDone, !isAsked else { return }
        noteAsked(layer.askForOutput())
    }

    /// Proton has written frames that are to be dropped.
    private func noteAsked(_ count: Int) {
        askedCount += count
        unseenFrames.sent -= Int64(count)
    }

    /// Whether an event that the peer has opened the connection is that of the stand-in; says so once.
    final func takeStandInEvent() -> Bool {
        guard isBegun else { return false }
        return !exchange(&isStandInTold, with: true)
    }

    // MARK: What a subclass needs

    /// Has work done in the connection's domain, while this is its transport's.
    private func onTransport(_ work: @escaping @Sendable (SASLContext, SASLLayer) -> Void) {
        workQueue.add { [weak self] connection in
            guard let self, let transport = connection.pointer.flatMap(pn_connection_transport),
                pnx_sasl_get_context(transport) == Unmanaged.passUnretained(self).toOpaque()
            else { return }
            let layer = SASLLayer(transport: transport)
            if layer.isAlive { work(self, layer) }
        }
    }

    /// Has something done elsewhere, in the place of what was being done, and goes on with the result in the connection's
    /// domain, where the transport is still there.
    final func elsewhere<Result: Sendable>(
        _ work: @escaping @Sendable () async -> Result,
        then goOn: @escaping @Sendable (SASLLayer, Result) -> Void
    ) {
        task?.cancel()
        // Before the program's own tasks: those may be many, and a handshake has a deadline.
        task = Task.detached(priority: .high) { [weak self] in
            let result = await work()
            self?.onTransport { _, layer in goOn(layer, result) }
        }
    }
}

/// A C string whose address stays.
private final class CString {
    private let bytes: UnsafeMutableBufferPointer<CChar>

    var pointer: UnsafePointer<CChar>? { bytes.baseAddress.map { UnsafePointer($0) } }

    init(_ text: String) {
        bytes = .allocate(capacity: text.utf8.count + 1)
        _ = bytes.initialize(from: text.utf8CString)
    }

    deinit { bytes.deallocate() }
}

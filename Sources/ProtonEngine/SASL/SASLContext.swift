import AMQP
import CProton

/// What belongs to one transport's SASL layer: the layer of frames, and in a subclass the exchange of a client or a server.
///
/// Proton's transport keeps it until it is freed (`pnx_sasl_implementation.free`), on whichever thread frees the transport.
///
/// `@unchecked Sendable`, its subclasses too: proton calls the functions of SASL from calls on its transport, of which there
/// is one at a time: those that a thread makes in the connection's domain, and those of the proactor's (`pn_proactor_wait`,
/// `pn_event_batch_next`, `pn_proactor_done`) before it is entered and after it is left. What uses it elsewhere is work that
/// runs in the domain.
class SASLContext: @unchecked Sendable {
    /// What of this side's proton has the address of.
    enum Slot: Hashable {
        /// What goes with the next frame.
        case bytes
        case user, authorization, mechanisms
    }

    /// How far SASL has come.
    enum Progress {
        /// The peer has not begun it, and may leave it out.
        case none
        /// Nothing but SASL is taken from the peer.
        case underWay
        /// The peer is logged in: what comes passes the layer of frames.
        case done
    }

    /// The layer of frames, SASL's security layer; nil where there is none.
    final let frames: FrameLayer?
    /// The TLS of the transport, where it has any.
    final let tls: TLSSession?
    /// What the transport's frames are told to; nil is nobody.
    final var log: TransportLog?
    private let workQueue: WorkQueue
    private var memory: [Slot: UnsafeMutableBufferPointer<CChar>] = [:]
    /// What is done elsewhere for the exchange; there is one thing at a time.
    private var task: Task<Void, Never>?
    /// Why the log-in has failed.
    final var failure: LoginFailure?
    /// How far SASL has come.
    final private(set) var progress = Progress.none
    /// How many bytes this side has had proton write for SASL, at most: headers and mechanisms, and what was posted.
    final private(set) var postedSize = 1_024
    /// The user that a client logs in as, where the program was asked for that.
    final var user: String?

    init(frames: FrameLayer?, tls: TLSSession?, _ workQueue: WorkQueue) {
        (self.frames, self.tls) = (frames, tls)
        self.workQueue = workQueue
    }

    deinit {
        task?.cancel()
        for buffer in memory.values { SASLContext.free(buffer) }
    }

    // MARK: Frames of the peer's

    /// A server is to say what it offers.
    func offers(_ layer: SASLLayer) -> UnsafePointer<CChar>? { nil }
    /// A client has sent sasl-init.
    func initialize(_ layer: SASLLayer, _ mechanism: String, _ response: [UInt8]?) {}
    /// A client has sent sasl-response.
    func respond(_ layer: SASLLayer, _ response: [UInt8]) {}
    /// A server has sent sasl-mechanisms.
    func take(_ layer: SASLLayer, offered: [String]) {}
    /// A server has sent sasl-challenge.
    func challenge(_ layer: SASLLayer, _ challenge: [UInt8]) {}
    /// A server has sent sasl-outcome.
    /// - Returns: whether it is a success that this side believes.
    func outcome(_ layer: SASLLayer, _ code: UInt8, _ data: [UInt8]?) -> Bool { false }

    // MARK: Progress

    /// What proton keeps for a transport; nil where its SASL is not one of these.
    static func of(_ transport: OpaquePointer) -> SASLContext? {
        pnx_sasl_get_context(transport).map { Unmanaged<SASLContext>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Nothing but SASL is taken from the peer from now on.
    final func begin(_ layer: SASLLayer) {
        guard case .none = progress else { return }
        progress = .underWay
        if frames != nil { EarlyFrames.watch(layer.transport) }
    }

    /// The peer is logged in, or has logged this side in.
    final func succeed(_ layer: SASLLayer) {
        guard case .underWay = progress else { return }
        progress = .done
        if frames != nil { EarlyFrames.ignore(layer.transport) }
    }

    /// Counts a frame of this side's.
    final func notePosted(_ size: Int) { postedSize += size + 128 }

    /// Ends SASL, and with it the connection: the peer has sent a frame of AMQP's before SASL was done.
    final func refuseEarlyFrame(_ layer: SASLLayer) {
        guard case .underWay = progress else { return }
        pnx_sasl_set_failed(layer.transport)
        pnx_sasl_set_desired_state(layer.transport, SASL_ERROR)
        layer.flush()
        workQueue.add { $0.end(for: Connection.earlyFrame) }
    }

    /// Ends the connection: the peer has sent a frame of SASL's after SASL, or without it.
    final func refuseLateFrame() {
        workQueue.add { $0.end(for: Condition(.framingError, "A frame of SASL came outside of SASL.")) }
    }

    // MARK: What a subclass needs

    /// Makes a C string that lives as long as the context, or until there is another in its place.
    final func keep(_ bytes: some Collection<UInt8>, as slot: Slot) -> UnsafeBufferPointer<CChar> {
        let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: bytes.count + 1)
        for (index, byte) in bytes.enumerated() { buffer[index] = CChar(bitPattern: byte) }
        buffer[bytes.count] = 0
        if let old = memory.updateValue(buffer, forKey: slot) { SASLContext.free(old) }
        return UnsafeBufferPointer(rebasing: buffer.dropLast())
    }

    private static func free(_ buffer: UnsafeMutableBufferPointer<CChar>) {
        Secrets.wipe(UnsafeMutableRawBufferPointer(buffer))
        buffer.deallocate()
    }

    /// Has something done elsewhere, in the place of what was being done, and goes on with the result in the connection's
    /// domain, where the transport is still there.
    final func elsewhere<Result: Sendable>(
        _ work: @escaping @Sendable () async -> Result,
        then goOn: @escaping @Sendable (SASLLayer, Result) -> Void
    ) {
        task?.cancel()
        // Before the program's own tasks: those may be many, and a handshake has a deadline.
        task = Task.detached(priority: .high) { [weak self, workQueue] in
            let result = await work()
            workQueue.add { [weak self] connection in
                guard let self, let transport = connection.pointer.flatMap(pn_connection_transport),
                    pnx_sasl_get_context(transport) == Unmanaged.passUnretained(self).toOpaque()
                else { return }
                let layer = SASLLayer(transport: transport)
                guard layer.isAlive else { return }
                goOn(layer, result)
                layer.flush()
            }
        }
    }
}

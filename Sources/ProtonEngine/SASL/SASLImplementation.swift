import CProton

/// SASL in Swift over `pnx_sasl`, for clients and servers, with the layer of frames as its security layer.
///
/// The layer sees all that comes once SASL is done, and `EarlyFrames` what is not SASL's before. Nothing sees what comes from
/// a peer that leaves SASL out.
enum SASLImplementation {
    /// Proton keeps the address for as long as there are transports.
    ///
    /// `nonisolated(unsafe)`: it is written once, before anybody reads it, and never freed.
    nonisolated(unsafe) private static let table: UnsafePointer<pnx_sasl_implementation> = {
        let table = UnsafeMutablePointer<pnx_sasl_implementation>.allocate(capacity: 1)
        table.initialize(
            to: pnx_sasl_implementation(
                free: saslFree, list_mechanisms: saslListMechanisms, init_server: saslInitServer,
                init_client: saslInitClient, prepare_write: saslPrepareWrite, process_init: saslProcessInit,
                process_response: saslProcessResponse, process_mechanisms: saslProcessMechanisms,
                process_challenge: saslProcessChallenge, process_outcome: saslProcessOutcome,
                can_encrypt: saslCanEncrypt, max_encrypt_size: saslMaxEncryptSize, encode: saslEncode,
                decode: saslDecode))
        return UnsafePointer(table)
    }()

    /// Puts the implementation into a transport whose SASL layer has been made (`pn_sasl`).
    static func install(in transport: OpaquePointer, _ context: SASLContext) {
        // Released by `saslFree`, which proton calls as it frees the transport.
        pnx_sasl_set_implementation(transport, table, Unmanaged.passRetained(context).toOpaque())
    }
}

@inline(__always)
private func withContext<Result>(
    _ transport: OpaquePointer?, _ body: (SASLContext, SASLLayer) -> Result
) -> Result? {
    guard let transport, let context = pnx_sasl_get_context(transport) else { return nil }
    // The transport holds it until `saslFree`.
    return Unmanaged<SASLContext>.fromOpaque(context)._withUnsafeGuaranteedRef {
        body($0, SASLLayer(transport: transport))
    }
}

extension UnsafePointer<pn_bytes_t> {
    /// A copy; nil where the field was null.
    fileprivate var copy: [UInt8]? {
        guard pointee.start != nil else { return nil }
        return Array(UnsafeRawBufferPointer(start: pointee.start, count: pointee.size))
    }
}

// MARK: The exchange

/// Takes a frame of SASL's; elsewhere than within SASL, where proton 0.37 takes it too, it ends the connection.
private func whileUnderWay(_ transport: OpaquePointer?, _ body: (SASLContext, SASLLayer) -> Void) {
    _ = withContext(transport) { context, layer in
        guard case .underWay = context.progress else { return context.refuseLateFrame() }
        body(context, layer)
    }
}

private func saslFree(_ transport: OpaquePointer?) {
    guard let context = pnx_sasl_get_context(transport) else { return }
    Unmanaged<SASLContext>.fromOpaque(context).release()
}

private func saslListMechanisms(_ transport: OpaquePointer?) -> UnsafePointer<CChar>? {
    withContext(transport) { $0.offers($1) } ?? nil
}

private func saslInitServer(_ transport: OpaquePointer?) -> Bool {
    _ = withContext(transport) { $0.begin($1) }
    pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS)
    return true
}

private func saslInitClient(_ transport: OpaquePointer?) -> Bool { true }

private func saslPrepareWrite(_ transport: OpaquePointer?) {}

private func saslProcessInit(
    _ transport: OpaquePointer?, _ mechanism: UnsafePointer<CChar>?, _ response: UnsafePointer<pn_bytes_t>?
) {
    whileUnderWay(transport) {
        $0.initialize($1, mechanism.map { String(cString: $0) } ?? "", response.flatMap(\.copy))
        $1.flush()
    }
}

private func saslProcessResponse(_ transport: OpaquePointer?, _ response: UnsafePointer<pn_bytes_t>?) {
    whileUnderWay(transport) {
        $0.respond($1, response.flatMap(\.copy) ?? [])
        $1.flush()
    }
}

/// - Returns: true: what becomes of it is told to proton by other calls.
private func saslProcessMechanisms(_ transport: OpaquePointer?, _ mechanisms: UnsafePointer<CChar>?) -> Bool {
    let names = mechanisms.map { String(cString: $0) } ?? ""
    whileUnderWay(transport) {
        $0.take($1, offered: names.split(separator: " ").map(String.init))
        $1.flush()
    }
    return true
}

private func saslProcessChallenge(_ transport: OpaquePointer?, _ challenge: UnsafePointer<pn_bytes_t>?) {
    whileUnderWay(transport) {
        $0.challenge($1, challenge.flatMap(\.copy) ?? [])
        $1.flush()
    }
}

/// Proton has taken over the outcome that the server gave, and looks at it again after this.
private func saslProcessOutcome(_ transport: OpaquePointer?, _ data: UnsafePointer<pn_bytes_t>?) {
    whileUnderWay(transport) { context, layer in
        guard !context.outcome(layer, layer.outcome, data.flatMap(\.copy)) else { return context.succeed(layer) }
        // Proton sets the same state after this, too late for what follows in the same bytes.
        layer.giveUp()
        layer.flush()
    }
}

// MARK: The layer of frames

private func saslCanEncrypt(_ transport: OpaquePointer?) -> Bool {
    withContext(transport) { context, _ in context.frames != nil } ?? false
}

/// How many bytes proton passes at a time, at most.
private func saslMaxEncryptSize(_ transport: OpaquePointer?) -> Int { 64 * 1_024 }

private func saslEncode(_ transport: OpaquePointer?, _ bytes: pn_bytes_t, _ out: UnsafeMutablePointer<pn_bytes_t>?)
    -> Int
{
    pass(transport, bytes, out) { $1.send($2) }
}

private func saslDecode(_ transport: OpaquePointer?, _ bytes: pn_bytes_t, _ out: UnsafeMutablePointer<pn_bytes_t>?)
    -> Int
{
    pass(transport, bytes, out) { context, frames, bytes in
        // What comes after a failed log-in is nobody's.
        guard case .done = context.progress else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return frames.receive(bytes)
    }
}

@inline(__always)
private func pass(
    _ transport: OpaquePointer?, _ bytes: pn_bytes_t, _ out: UnsafeMutablePointer<pn_bytes_t>?,
    _ body: (SASLContext, FrameLayer, UnsafeRawBufferPointer) -> UnsafeRawBufferPointer
) -> Int {
    // There is a layer, or else proton would not ask: `saslCanEncrypt`.
    let result =
        withContext(transport) { context, _ in
            context.frames.map { body(context, $0, UnsafeRawBufferPointer(start: bytes.start, count: bytes.size)) }
        } ?? nil
    guard let result, let start = result.baseAddress else { return 0 }
    out?.pointee = pn_bytes_t(size: result.count, start: start.assumingMemoryBound(to: CChar.self))
    return result.count
}

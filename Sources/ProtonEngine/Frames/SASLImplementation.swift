import CProton

/// A server's SASL in Swift over `pnx_sasl`, with the layer of frames as its security layer.
///
/// It offers what proton 0.37 offers by itself: ANONYMOUS, and EXTERNAL where TLS has found out who the peer is; which of them
/// may be used is up to `TransportConfiguration.mechanisms`.
///
/// The layer sees what passes once the outcome of SASL is written. What a peer sends before that goes straight to proton,
/// and so does all that comes from a peer that leaves SASL out.
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

    /// Puts the implementation into a server's transport whose SASL layer has been made (`pn_sasl`).
    static func install(in transport: OpaquePointer, _ context: SASLContext) {
        // Released by `saslFree`, which proton calls as it frees the transport.
        pnx_sasl_set_implementation(transport, table, Unmanaged.passRetained(context).toOpaque())
    }

    /// C strings that live for ever.
    fileprivate static let (anonymous, external) = (text("ANONYMOUS"), text("EXTERNAL"))
    fileprivate static let both = text("EXTERNAL ANONYMOUS")
    fileprivate static let anonymousUser = text("anonymous")

    private static func text(_ text: StaticString) -> ConstantText { ConstantText(text) }
}

/// A C string of the program's text.
///
/// `@unchecked Sendable`: it is never changed nor freed.
private struct ConstantText: @unchecked Sendable {
    let pointer: UnsafePointer<CChar>

    /// - Parameter text: a literal, which ends with a zero byte in memory.
    init(_ text: StaticString) {
        pointer = UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
    }

    func isEqual(to other: UnsafePointer<CChar>) -> Bool { String(cString: pointer) == String(cString: other) }
}

@inline(__always)
private func withContext<Result>(_ transport: OpaquePointer?, _ body: (SASLContext) -> Result) -> Result? {
    guard let context = pnx_sasl_get_context(transport) else { return nil }
    // The transport holds it until `saslFree`.
    return Unmanaged<SASLContext>.fromOpaque(context)._withUnsafeGuaranteedRef(body)
}

// MARK: The exchange

private func saslFree(_ transport: OpaquePointer?) {
    guard let context = pnx_sasl_get_context(transport) else { return }
    Unmanaged<SASLContext>.fromOpaque(context).release()
}

private func saslListMechanisms(_ transport: OpaquePointer?) -> UnsafePointer<CChar>? {
    let hasUser = pnx_sasl_get_external_username(transport) != nil
    return (hasUser ? SASLImplementation.both : SASLImplementation.anonymous).pointer
}

private func saslInitServer(_ transport: OpaquePointer?) -> Bool {
    pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS)
    return true
}

/// Proton has checked that the mechanism may be used, but not that it was offered.
private func saslProcessInit(
    _ transport: OpaquePointer?, _ mechanism: UnsafePointer<CChar>?, _ response: UnsafePointer<pn_bytes_t>?
) {
    defer { pnx_sasl_set_desired_state(transport, SASL_POSTED_OUTCOME) }
    guard let mechanism else { return pnx_sasl_set_failed(transport) }
    if SASLImplementation.anonymous.isEqual(to: mechanism) {
        let user = SASLImplementation.anonymousUser.pointer
        pnx_sasl_set_succeeded(transport, user, user)
    } else if SASLImplementation.external.isEqual(to: mechanism), let user = pnx_sasl_get_external_username(transport) {
        let asked = response.map { UnsafeRawBufferPointer(start: $0.pointee.start, count: $0.pointee.size) }
        let authorization = asked.flatMap { asked in
            asked.isEmpty ? nil : withContext(transport) { $0.keep(asked) }
        }
        pnx_sasl_set_succeeded(transport, user, authorization ?? user)
    } else {
        pnx_sasl_set_failed(transport)
    }
}

private func saslPrepareWrite(_ transport: OpaquePointer?) {}

private func saslProcessResponse(_ transport: OpaquePointer?, _ response: UnsafePointer<pn_bytes_t>?) {}

// What a client would do: it is installed on servers only.

private func saslInitClient(_ transport: OpaquePointer?) -> Bool { false }

private func saslProcessMechanisms(_ transport: OpaquePointer?, _ mechanisms: UnsafePointer<CChar>?) -> Bool { false }

private func saslProcessChallenge(_ transport: OpaquePointer?, _ challenge: UnsafePointer<pn_bytes_t>?) {}

private func saslProcessOutcome(_ transport: OpaquePointer?, _ outcome: UnsafePointer<pn_bytes_t>?) {}

// MARK: The layer of frames

private func saslCanEncrypt(_ transport: OpaquePointer?) -> Bool { true }

/// How many bytes proton passes at a time, at most.
private func saslMaxEncryptSize(_ transport: OpaquePointer?) -> Int { 64 * 1_024 }

private func saslEncode(_ transport: OpaquePointer?, _ bytes: pn_bytes_t, _ out: UnsafeMutablePointer<pn_bytes_t>?)
    -> Int
{
    pass(transport, bytes, out) { $0.send($1) }
}

private func saslDecode(_ transport: OpaquePointer?, _ bytes: pn_bytes_t, _ out: UnsafeMutablePointer<pn_bytes_t>?)
    -> Int
{
    pass(transport, bytes, out) { $0.receive($1) }
}

@inline(__always)
private func pass(
    _ transport: OpaquePointer?, _ bytes: pn_bytes_t, _ out: UnsafeMutablePointer<pn_bytes_t>?,
    _ body: (SASLContext, UnsafeRawBufferPointer) -> UnsafeRawBufferPointer
) -> Int {
    let result = withContext(transport) { context in
        body(context, UnsafeRawBufferPointer(start: bytes.start, count: bytes.size))
    }
    guard let result, let start = result.baseAddress else { return 0 }
    out?.pointee = pn_bytes_t(size: result.count, start: start.assumingMemoryBound(to: CChar.self))
    return result.count
}

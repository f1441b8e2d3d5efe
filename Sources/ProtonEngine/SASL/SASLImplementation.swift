// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton

/// Implements SASL in Swift through `pnx_sasl`, for clients and servers.
///
/// Proton handles only its protocol header, and a server's mechanisms; it passes all other bytes, in both directions, to
/// `SASLContext` as to a security layer. The bytes of a peer that omits SASL do not pass through here.
enum SASLImplementation {
    /// Proton keeps the address as long as there are transports.
    ///
    /// `nonisolated(unsafe)`: it is written once, before any use, and never freed.
    nonisolated(unsafe) private static let table: UnsafePointer<pnx_sasl_implementation> = {
        let table = UnsafeMutablePointer<pnx_sasl_implementation>.allocate(capacity: 1)
        table.initialize(
            to: pnx_sasl_implementation(
                free: saslFree, list_mechanisms: saslListMechanisms, init_server: saslInitServer,
                init_client: saslInitClient, prepare_write: saslPrepareWrite, process_init: saslProcessInit,
                process_response: saslProcessBytes, process_mechanisms: saslProcessMechanisms,
                process_challenge: saslProcessBytes, process_outcome: saslProcessBytes,
                can_encrypt: saslCanEncrypt, max_encrypt_size: saslMaxEncryptSize, encode: saslEncode,
                decode: saslDecode))
        return UnsafePointer(table)
    }()

    /// Installs the implementation in a transport whose SASL layer was created (`pn_sasl`).
    static func install(in transport: OpaquePointer, _ context: SASLContext) {
        // Released by `saslFree`, which proton calls when it frees the transport.
        pnx_sasl_set_implementation(transport, table, Unmanaged.passRetained(context).toOpaque())
    }
}

@inline(__always)
private func withContext<Result>(
    _ transport: OpaquePointer?, _ body: (SASLContext, SASLLayer) -> Result
) -> Result? {
    guard let transport, let context = pnx_sasl_get_context(transport) else { return nil }
    // The transport references it until `saslFree`.
    return Unmanaged<SASLContext>.fromOpaque(context)._withUnsafeGuaranteedRef {
        body($0, SASLLayer(transport: transport))
    }
}

private func saslFree(_ transport: OpaquePointer?) {
    guard let context = pnx_sasl_get_context(transport) else { return }
    Unmanaged<SASLContext>.fromOpaque(context).release()
}

// MARK: A server's mechanisms

/// - Returns: a string that proton copies at once.
private func saslListMechanisms(_ transport: OpaquePointer?) -> UnsafePointer<CChar>? {
    withContext(transport) { $0.mechanismList($1) } ?? nil
}

private func saslInitServer(_ transport: OpaquePointer?) -> Bool {
    _ = withContext(transport) { context, layer in
        context.begin(layer)
        context.offer(layer)
    }
    return true
}

// MARK: Frames

// Proton reads SASL frames even without SASL: one that arrives ends the connection.

private func saslInitClient(_ transport: OpaquePointer?) -> Bool { true }

/// Called before proton writes SASL frames.
private func saslPrepareWrite(_ transport: OpaquePointer?) {
    _ = withContext(transport) { context, layer in context.prepareWrite(layer) }
}

private func saslProcessInit(
    _ transport: OpaquePointer?, _ mechanism: UnsafePointer<CChar>?, _ response: UnsafePointer<pn_bytes_t>?
) {
    _ = withContext(transport) { context, layer in context.refuseLateFrame(layer) }
}

private func saslProcessMechanisms(_ transport: OpaquePointer?, _ mechanisms: UnsafePointer<CChar>?) -> Bool {
    _ = withContext(transport) { context, layer in context.refuseLateFrame(layer) }
    return true
}

private func saslProcessBytes(_ transport: OpaquePointer?, _ bytes: UnsafePointer<pn_bytes_t>?) {
    _ = withContext(transport) { context, layer in context.refuseLateFrame(layer) }
}

// MARK: Bytes

private func saslCanEncrypt(_ transport: OpaquePointer?) -> Bool { true }

/// The maximum number of bytes that proton passes at a time.
private func saslMaxEncryptSize(_ transport: OpaquePointer?) -> Int { 64 * 1_024 }

private func saslEncode(_ transport: OpaquePointer?, _ bytes: pn_bytes_t, _ out: UnsafeMutablePointer<pn_bytes_t>?)
    -> Int
{
    pass(transport, bytes, out) { $0.send($2, $1) }
}

private func saslDecode(_ transport: OpaquePointer?, _ bytes: pn_bytes_t, _ out: UnsafeMutablePointer<pn_bytes_t>?)
    -> Int
{
    pass(transport, bytes, out) { $0.receive($2, $1) }
}

@inline(__always)
private func pass(
    _ transport: OpaquePointer?, _ bytes: pn_bytes_t, _ out: UnsafeMutablePointer<pn_bytes_t>?,
    _ body: (SASLContext, SASLLayer, UnsafeRawBufferPointer) -> UnsafeRawBufferPointer
) -> Int {
    let result = withContext(transport) { context, layer in
        body(context, layer, UnsafeRawBufferPointer(start: bytes.start, count: bytes.size))
    }
    guard let result, let start = result.baseAddress else { return 0 }
    out?.pointee = pn_bytes_t(size: result.count, start: start.assumingMemoryBound(to: CChar.self))
    return result.count
}

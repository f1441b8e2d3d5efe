// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import CProton
import Glibc

/// How this library gets at what proton's TLS is made of, and keeps objects of its own with it.
///
/// Proton hands out neither its `SSL_CTX` nor its `SSL`. OpenSSL calls `wasMade` for each one that is made in the process,
/// on the thread that makes it: what is made within `capture` is proton's.
enum OpenSSL {
    /// What proton made.
    struct Captured {
        var context: OpaquePointer?
        var session: OpaquePointer?
    }

    /// The places of this library's objects in an `SSL_CTX` and in an `SSL`; negative where there are none.
    static let contextIndex = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, nil, contextWasMade, nil, nil)
    static let sessionIndex = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, nil, sessionWasMade, nil, sessionIsFreed)

    /// Where a thread that is in `capture` finds its `Captured`.
    fileprivate static let slot: pthread_key_t? = {
        var key = pthread_key_t()
        return pthread_key_create(&key, nil) == 0 ? key : nil
    }()

    /// Runs `body`.
    /// - Returns: the last `SSL_CTX` and the last `SSL` that were made by it.
    static func capture(_ body: () -> Void) -> Captured {
        var captured = Captured()
        guard let slot, contextIndex >= 0, sessionIndex >= 0 else {
            body()
            return captured
        }
        withUnsafeMutablePointer(to: &captured) { pointer in
            let outer = pthread_getspecific(slot)
            pthread_setspecific(slot, pointer)
            body()
            pthread_setspecific(slot, outer)
        }
        return captured
    }

    /// An error code of OpenSSL's as its reason, such as `wrong version number`.
    static func text(_ code: UInt) -> String {
        ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(String(code, radix: 16))"
    }

    /// The security level that the system's OpenSSL has for a new context, and its ciphers: proton changes both.
    static let defaults: (securityLevel: Int32, ciphers: String) = {
        guard let context = SSL_CTX_new(TLS_method()) else { return (2, "DEFAULT:!aNULL:!eNULL") }
        defer { SSL_CTX_free(context) }
        let list = SSL_CTX_get_ciphers(context)
        let names = (0..<max(0, OPENSSL_sk_num(list))).compactMap { index -> String? in
            guard let cipher = OPENSSL_sk_value(list, index) else { return nil }
            return String(cString: SSL_CIPHER_get_name(OpaquePointer(cipher)))
        }
        let old = names.filter { !$0.hasPrefix("TLS_") }
        return (
            SSL_CTX_get_security_level(context),
            old.isEmpty ? "DEFAULT:!aNULL:!eNULL" : old.joined(separator: ":") + ":!aNULL:!eNULL"
        )
    }()
}

private func captured() -> UnsafeMutablePointer<OpenSSL.Captured>? {
    OpenSSL.slot.flatMap { pthread_getspecific($0) }?.assumingMemoryBound(to: OpenSSL.Captured.self)
}

private func contextWasMade(
    _ parent: UnsafeMutableRawPointer?, _ value: UnsafeMutableRawPointer?,
    _ data: UnsafeMutablePointer<CRYPTO_EX_DATA>?, _ index: Int32, _ number: Int, _ argument: UnsafeMutableRawPointer?
) {
    captured()?.pointee.context = parent.map { OpaquePointer($0) }
}

private func sessionWasMade(
    _ parent: UnsafeMutableRawPointer?, _ value: UnsafeMutableRawPointer?,
    _ data: UnsafeMutablePointer<CRYPTO_EX_DATA>?, _ index: Int32, _ number: Int, _ argument: UnsafeMutableRawPointer?
) {
    captured()?.pointee.session = parent.map { OpaquePointer($0) }
}

/// The `SSL` goes, with its transport: so does what this library keeps with it (`TLSSession.bind`).
private func sessionIsFreed(
    _ parent: UnsafeMutableRawPointer?, _ value: UnsafeMutableRawPointer?,
    _ data: UnsafeMutablePointer<CRYPTO_EX_DATA>?, _ index: Int32, _ number: Int, _ argument: UnsafeMutableRawPointer?
) {
    if let value { Unmanaged<TLSSession>.fromOpaque(value).release() }
}

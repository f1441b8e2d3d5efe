// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import CProton
import Glibc

/// Gives access to the OpenSSL objects of proton's TLS, and attaches objects of this library to them.
///
/// Proton exposes neither its `SSL_CTX` nor its `SSL`. OpenSSL calls `wasMade` for each one that is made in the process, on the
/// thread that makes it: those that are made during `capture` are proton's.
enum OpenSSL {
    /// The objects that proton has made.
    struct Captured {
        var context: OpaquePointer?
        var session: OpaquePointer?
    }

    /// The indexes of this library's objects in an `SSL_CTX` and in an `SSL`; negative if there are none.
    static let contextIndex = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, nil, contextWasMade, nil, nil)
    static let sessionIndex = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, nil, sessionWasMade, nil, sessionIsFreed)

    /// The thread-specific key for the `Captured` of a thread that is in `capture`.
    fileprivate static let slot: pthread_key_t? = {
        var key = pthread_key_t()
        return pthread_key_create(&key, nil) == 0 ? key : nil
    }()

    /// Runs `body`.
    /// - Returns: the last `SSL_CTX` and the last `SSL` that it has made.
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

    /// The reason of an OpenSSL error code, such as `wrong version number`.
    static func text(_ code: UInt) -> String {
        ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(String(code, radix: 16))"
    }

    /// The default security level and ciphers of the system's OpenSSL; proton changes both.
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

/// Called when an `SSL` is freed with its transport: releases the object that `TLSSession.bind` has attached.
private func sessionIsFreed(
    _ parent: UnsafeMutableRawPointer?, _ value: UnsafeMutableRawPointer?,
    _ data: UnsafeMutablePointer<CRYPTO_EX_DATA>?, _ index: Int32, _ number: Int, _ argument: UnsafeMutableRawPointer?
) {
    if let value { Unmanaged<TLSSession>.fromOpaque(value).release() }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Glibc

/// An OpenSSL certificate.
///
/// `@unchecked Sendable`: it is never changed, and OpenSSL protects its caches in it by a lock of its own.
final class X509Certificate: @unchecked Sendable {
    let pointer: OpaquePointer

    /// - Parameter pointer: a certificate, whose reference this object takes over.
    init(owning pointer: OpaquePointer) { self.pointer = pointer }

    deinit { X509_free(pointer) }
}

/// Reads certificates and keys in PEM (RFC 7468), from files and from texts.
enum PEM {
    /// The maximum size of a file, in bytes: 16 MiB, about 10,000 certificates.
    static let maxSize = 16 * 1_024 * 1_024

    /// Reads a file.
    /// - Parameter what: the expected contents of the file, for the error.
    /// - Throws: `ProtonError.Code.invalidArgument` with the name of the file.
    static func read(_ path: String, _ what: String) throws(ProtonError) -> [UInt8] {
        func unreadable(_ reason: String) -> ProtonError {
            ProtonError(.invalidArgument, "\(what) \(path.isEmpty ? "''" : path) cannot be read: \(reason).")
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        defer { buffer.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        while bytes.count <= maxSize {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(String(cString: strerror(errno))) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
        throw unreadable("it is longer than 16 MiB, the most that it may have")
    }

    /// The certificates in a text, in their order.
    /// - Parameter name: the name of the text in an error.
    /// - Throws: `ProtonError.Code.invalidArgument` if there is no certificate, or if one is damaged.
    static func certificates(_ text: [UInt8], _ name: String) throws(ProtonError) -> [X509Certificate] {
        var certificates: [X509Certificate] = []
        ERR_clear_error()
        withMemory(text) { memory in
            // Reads a `TRUSTED CERTIFICATE` as well, and ignores its trust settings.
            while let next = PEM_read_bio_X509(memory, nil, noPassword, nil) {
                certificates.append(X509Certificate(owning: next))
            }
        }
        // The expected error if no other PEM block follows.
        let reason = ERR_peek_last_error()
        ERR_clear_error()
        guard ERR_GET_REASON(reason) == PEM_R_NO_START_LINE else {
            throw ProtonError(.invalidArgument, "\(name) has a certificate that is damaged: \(OpenSSL.text(reason)).")
        }
        guard !certificates.isEmpty else {
            throw ProtonError(
                .invalidArgument, "\(name) has no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----.")
        }
        return certificates
    }

    /// Calls `body` with the private key in a text.
    /// - Throws: `ProtonError.Code.invalidArgument` if there is no key, or if the password is wrong.
    static func withKey<Result>(
        _ text: [UInt8], password: String?, _ name: String, _ body: (OpaquePointer) throws(ProtonError) -> Result
    ) throws(ProtonError) -> Result {
        ERR_clear_error()
        var entry = PasswordEntry(bytes: Array((password ?? "").utf8), wasAsked: false)
        let key = withUnsafeMutablePointer(to: &entry) { entry in
            withMemory(text) { PEM_read_bio_PrivateKey($0, nil, givePassword, entry) }
        }
        entry.bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
        let reason = ERR_peek_last_error()
        ERR_clear_error()
        if let key {
            defer { EVP_PKEY_free(key) }
            return try body(key)
        }
        let problem =
            if entry.wasAsked {
                password == nil
                    ? "is encrypted: its password is needed" : "cannot be decrypted: its password is another one"
            } else if text.firstRange(of: Array("PRIVATE KEY-----".utf8)) == nil {
                "is none in PEM: it begins with -----BEGIN PRIVATE KEY-----"
            } else {
                "is damaged: \(OpenSSL.text(reason))"
            }
        throw ProtonError(.invalidArgument, "The private key in \(name) \(problem).")
    }

    private static func withMemory<Result>(_ bytes: [UInt8], _ body: (OpaquePointer?) -> Result) -> Result {
        bytes.withUnsafeBytes { bytes in
            let memory = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
            defer { BIO_free(memory) }
            return body(memory)
        }
    }
}

/// The password of a key, and whether OpenSSL has asked for it.
private struct PasswordEntry {
    var bytes: [UInt8]
    var wasAsked: Bool
}

/// Without this callback, OpenSSL would ask on the terminal.
private func noPassword(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ isForWriting: Int32, _ data: UnsafeMutableRawPointer?
) -> Int32 { -1 }

private func givePassword(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int32, _ isForWriting: Int32, _ data: UnsafeMutableRawPointer?
) -> Int32 {
    guard let buffer, let entry = data?.assumingMemoryBound(to: PasswordEntry.self) else { return -1 }
    entry.pointee.wasAsked = true
    let bytes = entry.pointee.bytes
    guard !bytes.isEmpty, bytes.count <= Int(size) else { return -1 }
    for (index, byte) in bytes.enumerated() { buffer[index] = CChar(bitPattern: byte) }
    return Int32(bytes.count)
}

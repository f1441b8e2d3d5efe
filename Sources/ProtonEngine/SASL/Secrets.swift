// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import COpenSSL

/// The primitives of the SASL mechanisms, from OpenSSL's libcrypto.
package enum Secrets {
    /// Random bytes for nonces, salts and keys; nil if the system has none.
    package static func random(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return RAND_bytes(&bytes, Int32(count)) == 1 ? bytes : nil
    }

    /// Whether two secrets are equal, in a time that depends only on their lengths.
    static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
    }

    /// A number that is always the same for a text, and that cannot be predicted without the key.
    package static func number(of text: String, key: [UInt8]) -> Int {
        SCRAMHash.sha256.authenticate(Array(text.utf8), key: key).prefix(7).reduce(0) { $0 << 8 | Int($1) }
    }

    /// Overwrites secrets that are not needed any more.
    static func wipe(_ bytes: UnsafeMutableRawBufferPointer) { OPENSSL_cleanse(bytes.baseAddress, bytes.count) }
}

extension SCRAMHash {
    /// OpenSSL's object, which is never freed.
    private var function: OpaquePointer? {
        switch self {
        case .sha1: EVP_sha1()
        case .sha256: EVP_sha256()
        case .sha512: EVP_sha512()
        }
    }

    /// The hash of bytes: `H` of RFC 5802, section 2.2.
    func digest(_ bytes: [UInt8]) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: size)
        EVP_Digest(bytes, bytes.count, &result, nil, function, nil)
        return result
    }

    /// The keyed hash of bytes: `HMAC` of RFC 5802, section 2.2 (RFC 2104).
    func authenticate(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: size)
        HMAC(function, key, Int32(clamping: key.count), bytes, bytes.count, &result, nil)
        return result
    }

    /// The salted password: `Hi` of RFC 5802, section 2.2 (PBKDF2 of RFC 8018).
    ///
    /// It takes from milliseconds to a second, so use `PasswordHashing` to run it off the connection's thread.
    func derive(_ password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: size)
        // An empty array may have no address, which OpenSSL would treat as the length -1.
        let text = password.map { CChar(bitPattern: $0) } + [0]
        PKCS5_PBKDF2_HMAC(
            text, Int32(clamping: password.count), salt, Int32(clamping: salt.count), Int32(clamping: iterations),
            function,
            Int32(size), &result)
        return result
    }
}

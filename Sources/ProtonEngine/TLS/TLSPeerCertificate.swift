// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import Glibc

/// The certificate that a peer has presented (X.509, RFC 5280).
public struct TLSPeerCertificate: Sendable {
    let certificate: X509Certificate

    private var pointer: OpaquePointer { certificate.pointer }

    /// The subject in the format of RFC 2253, such as `CN=alice,O=Example`.
    public var subject: String { TLSPeerCertificate.text(X509_get_subject_name(pointer)) }

    /// The authority that signed the certificate, in the format of RFC 2253.
    public var issuer: String { TLSPeerCertificate.text(X509_get_issuer_name(pointer)) }

    /// The subject's common name; nil if there are none or several, or if it has a NUL.
    public var commonName: String? {
        let names = fields(NID_commonName)
        return names.count == 1 ? names.first : nil
    }

    /// The first field of a kind in the subject; nil if there is none.
    public func subjectField(_ field: SubjectField) -> String? { fields(field.id).first }

    /// A kind of field in a subject.
    public enum SubjectField: Sendable, Hashable {
        /// `C`, of two letters.
        case country
        /// `ST`.
        case stateOrProvince
        /// `L`.
        case cityOrLocality
        /// `O`.
        case organization
        /// `OU`.
        case organizationalUnit
        /// `CN`.
        case commonName

        fileprivate var id: Int32 {
            switch self {
            case .country: NID_countryName
            case .stateOrProvince: NID_stateOrProvinceName
            case .cityOrLocality: NID_localityName
            case .organization: NID_organizationName
            case .organizationalUnit: NID_organizationalUnitName
            case .commonName: NID_commonName
            }
        }
    }

    /// One of the names for which a certificate was issued (RFC 5280, 4.2.1.6).
    public enum AlternativeName: Sendable, Hashable, CustomStringConvertible {
        /// A DNS name, or a pattern such as `*.example.com`.
        case dns(String)
        /// An IP address, such as `127.0.0.1` or `::1`.
        case ip(String)
        /// An e-mail address.
        case email(String)
        /// A URI.
        case uri(String)

        /// The name as `openssl x509` shows it, such as `DNS:example.com`.
        public var description: String {
            switch self {
            case .dns(let name): "DNS:\(name)"
            case .ip(let address): "IP:\(address)"
            case .email(let address): "email:\(address)"
            case .uri(let uri): "URI:\(uri)"
            }
        }
    }

    /// The names for which the certificate was issued, in its order, without those of other kinds or with a NUL.
    public var subjectAlternativeNames: [AlternativeName] {
        guard let list = X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else { return [] }
        let names = OpaquePointer(list)
        defer { GENERAL_NAMES_free(names) }
        return (0..<max(0, OPENSSL_sk_num(names))).compactMap { index in
            OPENSSL_sk_value(names, index).flatMap {
                TLSPeerCertificate.name($0.assumingMemoryBound(to: GENERAL_NAME.self))
            }
        }
    }

    /// The whole certificate in DER.
    public var der: [UInt8] {
        var start: UnsafeMutablePointer<UInt8>?
        let count = i2d_X509(pointer, &start)
        guard count > 0, let start else { return [] }
        defer { CRYPTO_free(start, nil, 0) }
        return Array(UnsafeBufferPointer(start: start, count: Int(count)))
    }

    /// The whole certificate in PEM.
    public var pem: String {
        OpenSSL.memoryText { PEM_write_bio_X509($0, pointer) }
    }

    /// The end of the certificate's validity, in seconds since 1970; nil if it has none.
    public var notAfter: Int64? { TLSPeerCertificate.seconds(X509_get0_notAfter(pointer)) }

    /// The start of the certificate's validity, in seconds since 1970; nil if it has none.
    public var notBefore: Int64? { TLSPeerCertificate.seconds(X509_get0_notBefore(pointer)) }

    /// The serial number, in hexadecimal digits.
    public var serialNumber: String {
        guard let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(pointer), nil) else { return "" }
        defer { BN_free(number) }
        guard let text = BN_bn2hex(number) else { return "" }
        defer { CRYPTO_free(text, nil, 0) }
        return String(cString: text)
    }

    /// A hash of the whole certificate, in lower-case hexadecimal digits.
    public func fingerprint(_ hash: TLSFingerprintHash = .sha256) -> String {
        var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        guard X509_digest(pointer, hash.digest, &bytes, &count) == 1 else { return "" }
        return bytes.prefix(Int(count)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The user name of a client for SASL EXTERNAL; nil if the certificate has no unambiguous one.
    func userName(_ kind: TLSServerOptions.UserName) -> String? {
        let name: String? =
            switch kind {
            case .subject: subject
            case .commonName: commonName
            case .subjectAlternativeName:
                subjectAlternativeNames.lazy.compactMap { name in
                    switch name {
                    case .email(let text), .dns(let text), .uri(let text): text
                    case .ip: nil
                    }
                }.first
            }
        return name.flatMap { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
    }

    // MARK: Parts

    private func fields(_ id: Int32) -> [String] {
        let name = X509_get_subject_name(pointer)
        var found: [String] = []
        var index = X509_NAME_get_index_by_NID(name, id, -1)
        while index >= 0 {
            let entry = X509_NAME_get_entry(name, index)
            // An unreadable name counts too, because a subject with several names is ambiguous.
            found.append(TLSPeerCertificate.utf8(X509_NAME_ENTRY_get_data(entry)) ?? "")
            index = X509_NAME_get_index_by_NID(name, id, index)
        }
        return found
    }

    private static func name(_ name: UnsafeMutablePointer<GENERAL_NAME>) -> AlternativeName? {
        switch name.pointee.type {
        case GEN_DNS: ascii(name.pointee.d.dNSName).map(AlternativeName.dns)
        case GEN_EMAIL: ascii(name.pointee.d.rfc822Name).map(AlternativeName.email)
        case GEN_URI: ascii(name.pointee.d.uniformResourceIdentifier).map(AlternativeName.uri)
        case GEN_IPADD: address(bytes(name.pointee.d.iPAddress)).map(AlternativeName.ip)
        default: nil
        }
    }

    private static func bytes(_ string: UnsafePointer<ASN1_STRING>?) -> [UInt8] {
        guard let string, let start = ASN1_STRING_get0_data(string) else { return [] }
        return Array(UnsafeBufferPointer(start: start, count: Int(max(0, ASN1_STRING_length(string)))))
    }

    /// A string of the type IA5String; nil if it has a NUL, or is not ASCII.
    private static func ascii(_ string: UnsafePointer<ASN1_STRING>?) -> String? {
        let bytes = bytes(string)
        return bytes.allSatisfy { $0 > 0 && $0 < 128 } ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// A string of any type, as UTF-8; nil if it has a NUL.
    private static func utf8(_ string: UnsafePointer<ASN1_STRING>?) -> String? {
        var start: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&start, string)
        guard count >= 0, let start else { return nil }
        defer { CRYPTO_free(start, nil, 0) }
        let bytes = UnsafeBufferPointer(start: start, count: Int(count))
        return bytes.contains(0) ? nil : String(decoding: bytes, as: UTF8.self)
    }

    static func address(_ bytes: [UInt8]) -> String? {
        let isOld = bytes.count == 4
        guard isOld || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(isOld ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func text(_ name: OpaquePointer?) -> String {
        OpenSSL.memoryText { COpenSSL_print_name($0, name) }
    }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
        var parts = tm()
        guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return nil }
        return Int64(timegm(&parts))
    }
}

extension TLSPeerCertificate: CustomStringConvertible {
    /// The subject, and the names for which the certificate was issued.
    public var description: String {
        let names = subjectAlternativeNames
        return names.isEmpty ? subject : "\(subject) (\(names.map(\.description).joined(separator: ", ")))"
    }
}

/// A hash for the fingerprint of a certificate.
public enum TLSFingerprintHash: Sendable, Hashable {
    /// SHA-1, with 40 digits: only for comparison with old lists.
    case sha1
    /// SHA-256, with 64 digits.
    case sha256
    /// SHA-512, with 128 digits.
    case sha512

    fileprivate var digest: OpaquePointer? {
        switch self {
        case .sha1: EVP_sha1()
        case .sha256: EVP_sha256()
        case .sha512: EVP_sha512()
        }
    }
}

extension OpenSSL {
    /// The text that `write` writes to an OpenSSL memory buffer.
    static func memoryText(_ write: (OpaquePointer?) -> Int32) -> String {
        guard let memory = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(memory) }
        guard write(memory) > 0 else { return "" }
        var bytes = [UInt8](repeating: 0, count: Int(clamping: BIO_ctrl_pending(memory)))
        let count = BIO_read(memory, &bytes, Int32(clamping: bytes.count))
        return String(decoding: bytes.prefix(Int(max(0, count))), as: UTF8.self)
    }
}

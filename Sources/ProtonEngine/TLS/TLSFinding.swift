// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import COpenSSL

/// The first problem that OpenSSL reports in a handshake.
enum TLSFinding: Equatable {
    /// A certificate is refused: the peer's own, or one of its issuers.
    case refusedCertificate(code: Int32, isPeersOwn: Bool, TLSCertificateSummary?)
    /// The peer has sent an alert (RFC 8446, 6.2).
    case alertReceived(UInt8)
    /// This side has sent an alert; the transport's condition has more information.
    case alertSent(UInt8)
}

/// The parts of a certificate that an error shows.
struct TLSCertificateSummary: Equatable {
    var subject: String
    var issuer: String
    /// The names of the certificate, as `openssl x509` shows them; at most eight.
    var names: [String]
    var notBefore: Int64?
    var notAfter: Int64?
}

extension TLSCertificateSummary {
    init(_ certificate: TLSPeerCertificate) {
        let names = certificate.subjectAlternativeNames.map(\.description)
        self.init(
            subject: certificate.subject, issuer: certificate.issuer,
            names: names.prefix(8) + (names.count > 8 ? ["\(names.count - 8) others"] : []),
            notBefore: certificate.notBefore, notAfter: certificate.notAfter)
    }
}

/// OpenSSL's codes for the refusal of a certificate (`X509_STORE_CTX_get_error`).
enum TLSRefusal {
    static let noIssuer = Int32(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT)
    static let notYetValid = Int32(X509_V_ERR_CERT_NOT_YET_VALID)
    static let expired = Int32(X509_V_ERR_CERT_HAS_EXPIRED)
    static let selfSigned = Int32(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
    static let selfSignedAuthority = Int32(X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN)
    static let noLocalIssuer = Int32(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY)
    static let noChain = Int32(X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE)
    static let revoked = Int32(X509_V_ERR_CERT_REVOKED)
    static let otherPurpose = Int32(X509_V_ERR_INVALID_PURPOSE)
    static let otherName = Int32(X509_V_ERR_HOSTNAME_MISMATCH)
    static let otherAddress = Int32(X509_V_ERR_IP_ADDRESS_MISMATCH)
    static let shortKey = Int32(X509_V_ERR_EE_KEY_TOO_SMALL)
    static let shortAuthorityKey = Int32(X509_V_ERR_CA_KEY_TOO_SMALL)
    static let weakSignature = Int32(X509_V_ERR_CA_MD_TOO_WEAK)

    static func text(_ code: Int32) -> String { String(cString: X509_verify_cert_error_string(Int(code))) }
}

/// The alerts of TLS (RFC 8446, 6).
enum TLSAlert {
    static let closeNotify: UInt8 = 0
    static let handshakeFailure: UInt8 = 40
    static let badCertificate: UInt8 = 42
    static let unsupportedCertificate: UInt8 = 43
    static let certificateRevoked: UInt8 = 44
    static let certificateExpired: UInt8 = 45
    static let certificateUnknown: UInt8 = 46
    static let unknownAuthority: UInt8 = 48
    static let accessDenied: UInt8 = 49
    static let decryptError: UInt8 = 51
    static let protocolVersion: UInt8 = 70
    static let insufficientSecurity: UInt8 = 71
    static let internalError: UInt8 = 80
    static let userCanceled: UInt8 = 90
    static let unrecognizedName: UInt8 = 112
    static let certificateRequired: UInt8 = 116

    static func text(_ alert: UInt8) -> String { String(cString: SSL_alert_desc_string_long(Int32(alert))) }
}

/// OpenSSL's error reasons of its TLS library (`openssl/sslerr.h`).
enum TLSReason {
    static let noCiphers = Int(SSL_R_NO_CIPHERS_AVAILABLE)
    static let noVersion = Int(SSL_R_NO_PROTOCOLS_AVAILABLE)
    static let noSharedCipher = Int(SSL_R_NO_SHARED_CIPHER)
    static let noCertificate = Int(SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
    static let longRecord = Int(SSL_R_PACKET_LENGTH_TOO_LONG)
    static let unknownProtocol = Int(SSL_R_UNKNOWN_PROTOCOL)
    static let unsupportedVersion = Int(SSL_R_UNSUPPORTED_PROTOCOL)
    static let lowVersion = Int(SSL_R_VERSION_TOO_LOW)
    static let wrongVersion = Int(SSL_R_WRONG_VERSION_NUMBER)
    static let badRecord = Int(SSL_R_BAD_RECORD_TYPE)
    static let httpRequest = Int(SSL_R_HTTP_REQUEST)
    static let proxyRequest = Int(SSL_R_HTTPS_PROXY_REQUEST)
    static let unexpectedEnd = Int(SSL_R_UNEXPECTED_EOF_WHILE_READING)
}

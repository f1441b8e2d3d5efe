// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A version of TLS, in ascending order; older versions are never used (RFC 8996).
public enum TLSVersion: Sendable, Hashable, Comparable, CaseIterable {
    /// TLS 1.2 (RFC 5246).
    case tls12
    /// TLS 1.3 (RFC 8446).
    case tls13
}

/// How a client verifies a server before it sends any data.
public enum TLSVerification: Sendable, Hashable {
    /// The certificate must be issued by a trusted authority, for the server's name: the default.
    ///
    /// The name must be among the certificate's subject alternative names, with type DNS for a name and type IP for an address;
    /// the subject's common name is ignored (RFC 9525, 6.3).
    case full
    /// The certificate must be issued by a trusted authority, for any name.
    ///
    /// Insecure with authorities that certify others: each of these can impersonate the server. Proton's `VERIFY_PEER`.
    case insecureAnyName
    /// No verification: anyone on the route can impersonate the server, and read and change the data.
    case insecureNoVerification
}

/// The certificates of the authorities that are trusted to identify peers.
public struct TLSTrust: Sendable, Hashable {
    enum Source: Sendable, Hashable {
        case system
        case path(String)
        case pem(String)
    }

    let sources: [Source]

    /// The authorities that the system trusts, from Debian's package `ca-certificates`.
    ///
    /// OpenSSL reads the environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` for it.
    public static let system = TLSTrust(sources: [.system])

    /// The authorities in a file of PEM certificates, or in a directory that was prepared by `openssl rehash`.
    public static func file(_ path: String) -> TLSTrust { TLSTrust(sources: [.path(path)]) }

    /// The authorities in a text of PEM certificates.
    public static func pem(_ text: String) -> TLSTrust { TLSTrust(sources: [.pem(text)]) }

    /// Returns these authorities and others.
    public func adding(_ other: TLSTrust) -> TLSTrust { TLSTrust(sources: sources + other.sources) }

    /// The files that are checked for changes.
    var paths: [String] { sources.compactMap { if case .path(let path) = $0 { path } else { nil } } }

    /// Whether only authorities that the program names are trusted.
    var isOwn: Bool { !sources.contains(.system) }
}

/// The TLS options of a client: `ConnectionOptions.tls`, for URLs that begin with `amqps:`.
///
/// With the defaults, the client verifies the server's certificate, and that it is for the URL's host, before it sends any AMQP
/// or SASL data.
///
/// Files are read when the connection is made, and again for a later try if they have changed.
public struct TLSClientOptions: Sendable, Hashable {
    /// The trusted authorities. Default: the system's authorities.
    public var trust: TLSTrust
    /// The certificate that the client presents if the server requests one; nil, the default, means none.
    public var certificate: TLSCertificate?
    /// How the client verifies the server. Default `.full`.
    public var verification: TLSVerification
    /// The server's name: the name that its certificate must have, and that the client sends (SNI, RFC 6066, 3).
    ///
    /// Nil, the default, means the host of the URL, independent of the virtual host. An IP address is verified, but not sent.
    public var serverName: String?
    /// The minimum protocol version. Default TLS 1.2.
    public var minimumVersion: TLSVersion
    /// The ciphers of TLS 1.2, in the format of `openssl ciphers`; nil, the default, means those of the system's OpenSSL.
    public var ciphers: String?
    /// The cipher suites of TLS 1.3, such as `TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256`; nil, the default, means those
    /// of the system's OpenSSL.
    public var cipherSuites: String?
    /// Whether a later connection to the same server may resume the session of an earlier one. Default true.
    public var resumesSessions: Bool

    var contexts = TLSContextBox<TLSClientOptions>()

    /// Creates options; a parameter that is omitted has its default.
    public init(
        trust: TLSTrust = .system, certificate: TLSCertificate? = nil, verification: TLSVerification = .full,
        serverName: String? = nil, minimumVersion: TLSVersion = .tls12, ciphers: String? = nil,
        cipherSuites: String? = nil, resumesSessions: Bool = true
    ) {
        self.trust = trust
        self.certificate = certificate
        self.verification = verification
        self.serverName = serverName
        self.minimumVersion = minimumVersion
        self.ciphers = ciphers
        self.cipherSuites = cipherSuites
        self.resumesSessions = resumesSessions
    }
}

/// The TLS options of a listener.
///
/// Files are read when the listener starts. They are read again, without a restart, for the first connection after one of them
/// has changed. If that fails, for example while a certificate is replaced and its key is not yet, the listener keeps its present
/// context, and the log has the reason. Existing connections are not affected.
public struct TLSServerOptions: Sendable, Hashable {
    /// Whether a listener requests a certificate from its clients.
    public enum ClientCertificates: Sendable, Hashable {
        /// No certificate is requested: the default.
        case notAsked
        /// A certificate is optional; one that was not issued by these authorities ends the connection.
        case optional(TLSTrust)
        /// A certificate that was issued by these authorities is required.
        case required(TLSTrust)
    }

    /// The part of a client's certificate that is its user name for SASL EXTERNAL.
    public enum UserName: Sendable, Hashable {
        /// The whole subject in the format of RFC 2253, such as `CN=alice,O=Example`: the default, as in proton and RabbitMQ.
        case subject
        /// The subject's common name; none if there are several, or if it has a NUL.
        ///
        /// Use it if each trusted authority issues a common name to one client only.
        case commonName
        /// The first subject alternative name that is an e-mail address, a DNS name or a URI.
        case subjectAlternativeName
    }

    /// The certificate that the listener presents to its clients.
    public var certificate: TLSCertificate
    /// Whether the listener requests a certificate from its clients. Default `.notAsked`.
    public var clientCertificates: ClientCertificates
    /// The part of a client's certificate that is its user name. Default `.subject`.
    public var userName: UserName
    /// Whether clients without TLS are accepted on the same port. Default false.
    public var allowsPlain: Bool
    /// The minimum protocol version. Default TLS 1.2.
    public var minimumVersion: TLSVersion
    /// The ciphers of TLS 1.2, in the format of `openssl ciphers`; nil, the default, means those of the system's OpenSSL.
    public var ciphers: String?
    /// The cipher suites of TLS 1.3; nil, the default, means those of the system's OpenSSL.
    public var cipherSuites: String?

    var contexts = TLSContextBox<TLSServerOptions>()

    /// Creates options; a parameter that is omitted has its default.
    public init(
        certificate: TLSCertificate, clientCertificates: ClientCertificates = .notAsked, userName: UserName = .subject,
        allowsPlain: Bool = false, minimumVersion: TLSVersion = .tls12, ciphers: String? = nil,
        cipherSuites: String? = nil
    ) {
        self.certificate = certificate
        self.clientCertificates = clientCertificates
        self.userName = userName
        self.allowsPlain = allowsPlain
        self.minimumVersion = minimumVersion
        self.ciphers = ciphers
        self.cipherSuites = cipherSuites
    }

    /// The authorities that are trusted to identify clients; nil if no certificate is requested.
    var clientTrust: TLSTrust? {
        switch clientCertificates {
        case .notAsked: nil
        case .optional(let trust), .required(let trust): trust
        }
    }
}

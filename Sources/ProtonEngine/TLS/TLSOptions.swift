// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A version of TLS, least first; older ones are never spoken (RFC 8996).
public enum TLSVersion: Sendable, Hashable, Comparable, CaseIterable {
    /// TLS 1.2 (RFC 5246).
    case tls12
    /// TLS 1.3 (RFC 8446).
    case tls13
}

/// What a client wants to know of a server before it says anything.
public enum TLSVerification: Sendable, Hashable {
    /// A certificate that the trusted authorities vouch for, made out to the server's name: the default.
    ///
    /// The name has to be among the certificate's subject alternative names, of type DNS for a name and of type IP for an
    /// address; the subject's common name is not looked at (RFC 9525, 6.3).
    case full
    /// A certificate that the trusted authorities vouch for, made out to anybody.
    ///
    /// Insecure with authorities that certify others: each of these can pass for the server. Proton's `VERIFY_PEER`.
    case insecureAnyName
    /// Nothing: anybody on the way can pass for the server, and read and change what is sent.
    case insecureNoVerification
}

/// Whose word is taken for who a peer is: certificates of authorities.
public struct TLSTrust: Sendable, Hashable {
    enum Source: Sendable, Hashable {
        case system
        case path(String)
        case pem(String)
    }

    let sources: [Source]

    /// The authorities that the system trusts, of Debian's package `ca-certificates`.
    ///
    /// OpenSSL reads the environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` for it.
    public static let system = TLSTrust(sources: [.system])

    /// The authorities in a file, certificates in PEM one after the other, or in a directory that `openssl rehash` has made.
    public static func file(_ path: String) -> TLSTrust { TLSTrust(sources: [.path(path)]) }

    /// The authorities in a text, certificates in PEM one after the other.
    public static func pem(_ text: String) -> TLSTrust { TLSTrust(sources: [.pem(text)]) }

    /// These authorities and others.
    public func adding(_ other: TLSTrust) -> TLSTrust { TLSTrust(sources: sources + other.sources) }

    /// The files whose change is noticed.
    var paths: [String] { sources.compactMap { if case .path(let path) = $0 { path } else { nil } } }

    /// Whether only what the program names is trusted.
    var isOwn: Bool { !sources.contains(.system) }
}

/// How a client speaks TLS: of `ConnectionOptions.tls`, for URLs that begin with `amqps:`.
///
/// The defaults verify that the server is who its certificate says, and that this is the URL's host, before anything of
/// AMQP or SASL is sent.
///
/// Files are read where the connection is made, and again for a later try where they have changed.
public struct TLSClientOptions: Sendable, Hashable {
    /// Whose word is taken for who the server is. Default the system's authorities.
    public var trust: TLSTrust
    /// What the client shows to a server that asks who it is; nil, the default, is nothing.
    public var certificate: TLSCertificate?
    /// What the client wants to know of the server. Default `.full`.
    public var verification: TLSVerification
    /// The server's name: the one that its certificate has to have, and that it is told of (SNI, RFC 6066, 3).
    ///
    /// Nil, the default, is the host of the URL, whatever the virtual host is. An address is verified, but not told.
    public var serverName: String?
    /// The oldest version that is spoken. Default TLS 1.2.
    public var minimumVersion: TLSVersion
    /// The ciphers of TLS 1.2, as `openssl ciphers` has them; nil, the default, is those that the system's OpenSSL uses.
    public var ciphers: String?
    /// The cipher suites of TLS 1.3, as in `TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256`; nil, the default, is
    /// those that the system's OpenSSL uses.
    public var cipherSuites: String?
    /// Whether a later connection to the same server may go on with the keys of an earlier one. Default true.
    public var resumesSessions: Bool

    var contexts = TLSContextBox<TLSClientOptions>()

    /// Creates options, each with the default that it has where it is left out.
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

/// How a listener speaks TLS.
///
/// Files are read as it begins to listen. They are read again, without a restart, for the first connection that comes after
/// one of them has changed; where that fails, such as while a certificate is replaced and its key is not yet, the
/// listener goes on with what it has and the log says why. Connections that there are keep what they began with.
public struct TLSServerOptions: Sendable, Hashable {
    /// What a listener asks of its clients.
    public enum ClientCertificates: Sendable, Hashable {
        /// They are not asked for a certificate: the default.
        case notAsked
        /// They may show a certificate; one that the authorities do not vouch for ends the connection.
        case optional(TLSTrust)
        /// They have to show a certificate that the authorities vouch for.
        case required(TLSTrust)
    }

    /// What of a client's certificate is its user name for SASL's EXTERNAL.
    public enum UserName: Sendable, Hashable {
        /// The whole subject as RFC 2253 writes it, such as `CN=alice,O=Example`: the default, as in proton and RabbitMQ.
        case subject
        /// The subject's common name; none where it has several, or one with a NUL in it.
        ///
        /// Use it where each authority that is trusted keeps common names apart.
        case commonName
        /// The first subject alternative name that is an e-mail address, a DNS name or a URI.
        case subjectAlternativeName
    }

    /// What the listener shows to its clients.
    public var certificate: TLSCertificate
    /// What the listener asks of its clients. Default `.notAsked`.
    public var clientCertificates: ClientCertificates
    /// What of a client's certificate is its user name. Default `.subject`.
    public var userName: UserName
    /// Whether clients that speak no TLS are taken on the same port. Default false.
    public var allowsPlain: Bool
    /// The oldest version that is spoken. Default TLS 1.2.
    public var minimumVersion: TLSVersion
    /// The ciphers of TLS 1.2, as `openssl ciphers` has them; nil, the default, is those that the system's OpenSSL uses.
    public var ciphers: String?
    /// The cipher suites of TLS 1.3; nil, the default, is those that the system's OpenSSL uses.
    public var cipherSuites: String?

    var contexts = TLSContextBox<TLSServerOptions>()

    /// Creates options, each with the default that it has where it is left out.
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

    /// Whose word is taken for who a client is; nil where none is asked.
    var clientTrust: TLSTrust? {
        switch clientCertificates {
        case .notAsked: nil
        case .optional(let trust), .required(let trust): trust
        }
    }
}

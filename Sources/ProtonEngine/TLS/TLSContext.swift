// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import CProton
import Glibc

/// The TLS context that connections with the same options share: proton's domain, and its `SSL_CTX`.
///
/// Proton's own settings of the domain are not used: they require files, check the common name in addition to other names, do not
/// support IP addresses, and allow ciphers without certificates if peers are not verified.
///
/// `@unchecked Sendable`: it is set up before it is shared. After that, proton only reads its domain, and OpenSSL protects the
/// mutable parts of an `SSL_CTX` by locks of its own.
package final class TLSContext: @unchecked Sendable {
    /// The role of this side in TLS.
    enum Role {
        case client(TLSVerification, TLSSessionCache?)
        case server(userName: TLSServerOptions.UserName, allowsPlain: Bool)
    }

    let role: Role
    private let domain: OpaquePointer
    private let context: OpaquePointer

    deinit { pn_ssl_domain_free(domain) }

    /// Reads the files of a client's options.
    /// - Throws: `ProtonError.Code.invalidArgument`; `.tlsFailed` if proton uses another OpenSSL than this library.
    convenience init(_ options: TLSClientOptions) throws(ProtonError) {
        let sessions = options.resumesSessions ? TLSSessionCache() : nil
        try self.init(PN_SSL_MODE_CLIENT, .client(options.verification, sessions))
        try setProtocol(options.minimumVersion, options.ciphers, options.cipherSuites)
        if let certificate = options.certificate { try use(certificate) }
        switch options.verification {
        case .full, .insecureAnyName:
            try trust(options.trust)
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER, noteVerification)
        case .insecureNoVerification: SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
        }
        if sessions != nil {
            let mode = SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP | SSL_SESS_CACHE_NO_INTERNAL_STORE
            _ = COpenSSL_set_session_cache_mode(context, Int(mode))
            SSL_CTX_sess_set_new_cb(context, keepSession)
        } else {
            _ = COpenSSL_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
            COpenSSL_forbid_tickets(context)
        }
    }

    /// Reads the files of a listener's options.
    /// - Throws: as for a client.
    convenience init(_ options: TLSServerOptions) throws(ProtonError) {
        try self.init(PN_SSL_MODE_SERVER, .server(userName: options.userName, allowsPlain: options.allowsPlain))
        try setProtocol(options.minimumVersion, options.ciphers, options.cipherSuites)
        try use(options.certificate)
        switch options.clientCertificates {
        case .notAsked: SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nil)
        case .optional: SSL_CTX_set_verify(context, SSL_VERIFY_PEER, noteVerification)
        case .required:
            SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, noteVerification)
        }
        if let clients = options.clientTrust { try trust(clients, toldToClients: true) }
        // Without it, a client that has presented its certificate could not resume a session.
        let name = Array("AMQP".utf8)
        SSL_CTX_set_session_id_context(context, name, UInt32(name.count))
        if options.allowsPlain { pn_ssl_domain_allow_unsecured_client(domain) }
    }

    private init(_ mode: pn_ssl_mode_t, _ role: Role) throws(ProtonError) {
        var made: OpaquePointer?
        let captured = OpenSSL.capture { made = pn_ssl_domain(mode) }
        guard let made else { throw ProtonError(.tlsFailed, "OpenSSL cannot be used: it makes no context for TLS.") }
        guard let context = captured.context else {
            pn_ssl_domain_free(made)
            throw TLSContext.otherLibrary
        }
        (domain, self.context, self.role) = (made, context, role)
    }

    /// The error if OpenSSL does not notify this library of the objects that proton makes.
    static let otherLibrary = ProtonError(
        .tlsFailed,
        "libqpid-proton uses another OpenSSL than this program: TLS could not be verified, and is not begun. Build the program "
            + "on the system that it runs on, with its libssl-dev.")

    // MARK: Setting up

    private func setProtocol(_ minimum: TLSVersion, _ ciphers: String?, _ suites: String?) throws(ProtonError) {
        // Proton lowers the level for servers, to allow ciphers without a certificate.
        SSL_CTX_set_security_level(context, OpenSSL.defaults.securityLevel)
        let version = minimum == .tls12 ? TLS1_2_VERSION : TLS1_3_VERSION
        guard COpenSSL_set_min_version(context, version) == 1 else {
            throw ProtonError(.invalidArgument, "The system's OpenSSL has no \(minimum).")
        }
        COpenSSL_harden(context)
        ERR_clear_error()
        if let ciphers, SSL_CTX_set_cipher_list(context, "\(ciphers):!aNULL:!eNULL") != 1 {
            throw ProtonError(
                .invalidArgument, "ciphers is \"\(ciphers)\", of which OpenSSL knows none: see `openssl ciphers`.")
        }
        if ciphers == nil { SSL_CTX_set_cipher_list(context, OpenSSL.defaults.ciphers) }
        if let suites, SSL_CTX_set_ciphersuites(context, suites) != 1 || suites.isEmpty {
            throw ProtonError(
                .invalidArgument,
                "cipherSuites is \"\(suites)\", which OpenSSL does not know: see `openssl ciphers -s -tls1_3`.")
        }
        ERR_clear_error()
    }

    private func use(_ certificate: TLSCertificate) throws(ProtonError) {
        let chain: [UInt8]
        let (key, name, keyName): ([UInt8], String, String)
        switch certificate.source {
        case .files(let chainPath, let keyPath):
            chain = try PEM.read(chainPath, "The certificate")
            key = chainPath == keyPath ? chain : try PEM.read(keyPath, "The private key")
            (name, keyName) = (chainPath, keyPath)
        case .texts(let chainText, let keyText):
            (chain, key) = (Array(chainText.utf8), Array(keyText.utf8))
            (name, keyName) = ("The text of the certificate", "the text of the key")
        }
        let certificates = try PEM.certificates(chain, name)
        ERR_clear_error()
        defer { ERR_clear_error() }
        for (index, next) in certificates.enumerated() {
            let isUsed =
                index == 0
                ? SSL_CTX_use_certificate(context, next.pointer) == 1
                : COpenSSL_add_chain_certificate(context, next.pointer) == 1
            guard isUsed else {
                throw ProtonError(
                    .invalidArgument,
                    "\(name): certificate \(index + 1) cannot be used: \(OpenSSL.text(ERR_peek_error())).")
            }
        }
        try PEM.withKey(key, password: certificate.password, keyName) { key throws(ProtonError) in
            guard SSL_CTX_use_PrivateKey(context, key) == 1, SSL_CTX_check_private_key(context) == 1 else {
                throw ProtonError(
                    .invalidArgument,
                    "The private key in \(keyName) is not that of the certificate that \(name) begins with: "
                        + "\(OpenSSL.text(ERR_peek_error())).")
            }
        }
    }

    /// Sets the trusted authorities, in place of all others.
    private func trust(_ trust: TLSTrust, toldToClients: Bool = false) throws(ProtonError) {
        guard let store = X509_STORE_new() else {
            throw ProtonError(.limitExceeded, "There is no memory for the certificates that are trusted.")
        }
        // Proton's store has the system's authorities.
        SSL_CTX_set_cert_store(context, store)
        // A configured authority is trusted, even if another authority has certified it.
        if trust.isOwn { X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN)) }
        for source in trust.sources {
            switch source {
            case .system:
                guard X509_STORE_set_default_paths(store) == 1 else {
                    throw ProtonError(.invalidArgument, "The system's trusted certificates cannot be read.")
                }
            case .path(let path) where FileIdentity.isDirectory(path):
                guard X509_STORE_load_path(store, path) == 1 else {
                    throw ProtonError(.invalidArgument, "The trusted certificates in \(path) cannot be read.")
                }
            case .path(let path):
                let certificates = try PEM.certificates(PEM.read(path, "The file of trusted certificates"), path)
                add(certificates, to: store, toldToClients)
            case .pem(let text):
                add(
                    try PEM.certificates(Array(text.utf8), "The text of trusted certificates"), to: store, toldToClients
                )
            }
        }
    }

    private func add(_ certificates: [X509Certificate], to store: OpaquePointer, _ toldToClients: Bool) {
        for certificate in certificates {
            X509_STORE_add_cert(store, certificate.pointer)
            if toldToClients { SSL_CTX_add_client_CA(context, certificate.pointer) }
        }
    }

    // MARK: Connections

    /// Starts TLS on a transport, before its first byte.
    /// - Parameters:
    ///   - serverName: the name of the server, for a client.
    ///   - address: the server's address, which identifies sessions that can be resumed.
    /// - Returns: nil on failure; the transport must not be used then.
    func begin(in transport: OpaquePointer, serverName: String?, address: String) -> TLSSession? {
        let name = serverName.flatMap(TLSServerName.init)
        if case .client = role, name == nil { return nil }
        guard let layer = pn_ssl(transport) else { return nil }
        // Otherwise proton would use the virtual host.
        if let serverName { pn_ssl_set_peer_hostname(layer, serverName) }
        var result: Int32 = -1
        let captured = OpenSSL.capture { result = pn_ssl_init(layer, domain, nil) }
        guard result == 0, let ssl = captured.session, SSL_get_SSL_CTX(ssl) == context else { return nil }
        let session = TLSSession(role, serverName: serverName, key: "\(serverName ?? "") \(address)")
        guard session.bind(to: ssl), prepare(ssl, for: name) else {
            COpenSSL_forbid_handshake(ssl)
            return nil
        }
        if case .client(_, let sessions?) = role { sessions.use(session.key, in: ssl) }
        return session
    }

    /// Sets the name of the server for a client.
    private func prepare(_ ssl: OpaquePointer, for name: TLSServerName?) -> Bool {
        guard case .client(let verification, _) = role else { return true }
        return name?.set(in: ssl, isVerified: verification == .full) ?? false
    }
}

/// A server's name, for verification and for SNI.
enum TLSServerName: Equatable {
    case name(String)
    case address(String)

    /// Nil for texts that OpenSSL interprets otherwise: an empty one (any name), and one that begins with a dot (all subdomains).
    init?(_ text: String) {
        let name = text.hasSuffix(".") ? String(text.dropLast()) : text
        let host = String(name.prefix { $0 != "%" })
        var address = in6_addr()
        if inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1 {
            self = .address(host)
            return
        }
        guard !name.isEmpty, !name.hasPrefix("."), name.utf8.count <= 255, name.utf8.allSatisfy({ $0 > 32 }) else {
            return nil
        }
        self = .name(name)
    }

    /// Makes OpenSSL verify the name during the handshake (RFC 9525).
    /// - Returns: whether this succeeded.
    func set(in ssl: OpaquePointer, isVerified: Bool) -> Bool {
        let parameters = SSL_get0_param(ssl)
        X509_VERIFY_PARAM_set_hostflags(
            parameters, UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        switch self {
        case .name(let name):
            guard COpenSSL_set_server_name(ssl, name) == 1 else { return false }
            return !isVerified || X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1
        case .address(let address):
            // SNI does not allow an address (RFC 6066, 3), and proton has set it.
            guard COpenSSL_set_server_name(ssl, nil) == 1 else { return false }
            return !isVerified || X509_VERIFY_PARAM_set1_ip_asc(parameters, address) == 1
        }
    }
}

/// Records why a certificate was refused; does not change OpenSSL's decision.
private func noteVerification(_ isValid: Int32, _ store: OpaquePointer?) -> Int32 {
    guard isValid != 1,
        let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
        let session = TLSSession.of(OpaquePointer(ssl))
    else { return isValid }
    session.noteRefusal(
        X509_STORE_CTX_get_error(store), depth: X509_STORE_CTX_get_error_depth(store),
        X509_STORE_CTX_get_current_cert(store) ?? X509_STORE_CTX_get0_cert(store))
    return isValid
}

/// Keeps a session that a server has sent; if this returns 1, it takes over OpenSSL's reference.
private func keepSession(_ ssl: OpaquePointer?, _ state: OpaquePointer?) -> Int32 {
    guard let ssl, let state, let session = TLSSession.of(ssl), case .client(_, let sessions?) = session.role else {
        return 0
    }
    sessions.keep(state, for: session.key)
    return 1
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

extension Transport {
    /// The parameters of the TLS session; nil without TLS, and before the handshake is completed.
    ///
    /// The handshake is completed before any SASL or AMQP frame, so it is available in `onConnectionOpened`, for example.
    public var tls: TLSInfo? {
        guard connection.confined() != nil else { return nil }
        return connection.tls.session?.info
    }
}

/// Whether and how a transport uses TLS, set before its first byte.
package enum TransportSecurity: Sendable {
    case none
    /// TLS as a client, with the name that the server's certificate must have, and the server's address.
    case client(TLSContext, serverName: String, address: String)
    case server(TLSContext)

    /// Starts TLS on a transport.
    /// - Returns: the TLS session; nil without TLS.
    /// - Throws: `ProtonError.Code.tlsFailed`: the transport must not be used.
    func begin(in transport: OpaquePointer) throws(ProtonError) -> TLSSession? {
        let session: TLSSession?
        switch self {
        case .none: return nil
        case .client(let context, let name, let address):
            session = context.begin(in: transport, serverName: name, address: address)
        case .server(let context): session = context.begin(in: transport, serverName: nil, address: "")
        }
        guard let session else { throw ProtonError(.tlsFailed, "TLS cannot be begun.") }
        return session
    }
}

extension TLSClientOptions {
    /// The TLS settings of a connection with these options.
    /// - Parameters:
    ///   - host: the host of the URL.
    ///   - address: the URL's host and port.
    /// - Returns: the settings, and the error if changed files could not be used.
    /// - Throws: `ProtonError.Code.invalidArgument` if the options are invalid, or if their files cannot be read.
    package func security(host: String, address: String) throws(ProtonError) -> (TransportSecurity, ProtonError?) {
        let name = serverName ?? host
        guard TLSServerName(name) != nil else {
            throw ProtonError(.invalidArgument, "\"\(name)\" is no name of a server that a certificate could be for.")
        }
        let (context, failure) = try contexts.current(for: self)
        return (.client(context, serverName: name, address: address), failure)
    }
}

extension TLSServerOptions {
    /// The TLS settings of a listener's new transports with these options.
    /// - Returns: the settings, and the error if changed files could not be used.
    /// - Throws: `ProtonError.Code.invalidArgument` if the options are invalid, or if their files cannot be read.
    package func security() throws(ProtonError) -> (TransportSecurity, ProtonError?) {
        let (context, failure) = try contexts.current(for: self)
        return (.server(context), failure)
    }
}

/// The TLS state of a transport.
enum TransportTLS {
    case none
    case session(TLSSession)
    /// TLS could not be started: the transport is ended.
    case unusable(Condition)

    var session: TLSSession? { if case .session(let session) = self { session } else { nil } }
}

extension Connection {
    /// The TLS failure that ended the transport; nil if there is none.
    package var tlsFailure: TLSFailure? {
        guard let transport = confined().flatMap(pn_connection_transport), let session = tls.session else { return nil }
        // A socket that was never connected has no information about TLS.
        if case .waiting = session.state, isUnconnected { return nil }
        return session.failure(Condition(pn_transport_condition(transport)))
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

extension Transport {
    /// What TLS has come to; nil over a plain connection, and before the handshake is done.
    ///
    /// It is done before anything of SASL or AMQP is sent: in `onConnectionOpened`, for instance, it is known.
    public var tls: TLSInfo? {
        guard connection.confined() != nil else { return nil }
        return connection.tls.session?.info
    }
}

/// How a transport speaks TLS, before its first byte.
package enum TransportSecurity: Sendable {
    case none
    /// A client's: the name of the server that it has to be, and the address where it is looked for.
    case client(TLSContext, serverName: String, address: String)
    case server(TLSContext)

    /// Has a transport speak TLS.
    /// - Returns: what is known of it; nil of a plain one.
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
    /// How the transport of a connection with these options is secured.
    /// - Parameters:
    ///   - host: the host of the URL.
    ///   - address: the URL's host and port.
    /// - Returns: that, and why files that have changed could not be used.
    /// - Throws: `ProtonError.Code.invalidArgument` where the options make no sense, or their files cannot be read.
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
    /// How the transports of a listener with these options are secured from now on.
    /// - Returns: that, and why files that have changed could not be used.
    /// - Throws: `ProtonError.Code.invalidArgument` where the options make no sense, or their files cannot be read.
    package func security() throws(ProtonError) -> (TransportSecurity, ProtonError?) {
        let (context, failure) = try contexts.current(for: self)
        return (.server(context), failure)
    }
}

/// What a transport has of TLS.
enum TransportTLS {
    case none
    case session(TLSSession)
    /// It was to have some, and that cannot be begun: the transport is ended.
    case unusable(Condition)

    var session: TLSSession? { if case .session(let session) = self { session } else { nil } }
}

extension Connection {
    /// What is wrong with TLS, where it is that which ended the transport.
    package var tlsFailure: TLSFailure? {
        guard let transport = confined().flatMap(pn_connection_transport), let session = tls.session else { return nil }
        // A socket that was never connected says nothing of TLS.
        if case .waiting = session.state, isUnconnected { return nil }
        return session.failure(Condition(pn_transport_condition(transport)))
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton
import ProtonUtilities

/// The transport of a connection, with its SASL layer (AMQP 1.0, 2.2 and 5.3; `pn_transport_t`): a view.
///
/// It belongs to its connection's domain.
public struct Transport {
    /// The connection that uses the transport.
    public let connection: Connection

    private var pointer: OpaquePointer? {
        connection.confined().flatMap { pn_connection_transport($0) }
    }

    /// The error that ended the transport; nil if there is none.
    public var condition: Condition? {
        pointer.flatMap { Condition(pn_transport_condition($0)) }
    }

    /// Whether SASL has succeeded, also with ANONYMOUS; `Connection.user` is the authenticated user.
    public var isAuthenticated: Bool { pointer.map { pn_transport_is_authenticated($0) } ?? false }

    /// The SASL mechanism that the client has used or tried; nil if there is none.
    public var mechanism: SASLMechanism? {
        isAuthenticated || !connection.isIncoming ? connection.sasl?.mechanism : nil
    }

    /// The user that the peer of a listener acts as; nil if the peer is not authenticated.
    ///
    /// It is the authenticated user, or another one that the listener's authenticator permits (`Authenticator.permits`).
    public var authorization: String? {
        guard let pointer, isAuthenticated, connection.sasl != nil else { return nil }
        return DataBridge.string(pn_sasl_get_authorization(pn_sasl(pointer)))
    }

    /// Whether the peer is on the same machine: its address is in 127.0.0.0/8 or is ::1, or there is no socket.
    public var isLoopback: Bool { pointer.map { Transport.isLoopback(pn_transport_remote_addr($0)) } ?? true }

    /// Whether the bytes are encrypted.
    public var isEncrypted: Bool { pointer.map { pn_transport_is_encrypted($0) } ?? false }

    /// The peer's address and port, such as `127.0.0.1:5672`; nil if there is no socket.
    public var remoteAddress: String? { pointer.flatMap { Transport.text(pn_transport_remote_addr($0)) } }

    /// This side's address and port; nil if there is no socket.
    public var localAddress: String? { pointer.flatMap { Transport.text(pn_transport_local_addr($0)) } }

    /// The peer's maximum frame size, in bytes; 0 means no limit.
    public var remoteMaxFrameSize: UInt32 { pointer.map { pn_transport_get_remote_max_frame($0) } ?? 0 }

    /// The peer's idle time-out: it closes the connection after this time without input; `.zero` means no limit.
    public var remoteIdleTimeout: Duration {
        // The maximum value is that of the stand-in open frame, or of an open frame without a time-out: `SASLLayer`.
        let milliseconds = pointer.map { pn_transport_get_remote_idle_timeout($0) } ?? 0
        return .milliseconds(milliseconds == .max ? 0 : Int64(milliseconds))
    }

    /// The number of frames sent.
    public var framesSent: UInt64 {
        pointer.map { pn_transport_get_frames_output($0) &+ UInt64(bitPattern: unseenFrames.sent) } ?? 0
    }

    /// The number of frames received.
    public var framesReceived: UInt64 {
        pointer.map { pn_transport_get_frames_input($0) &+ UInt64(bitPattern: unseenFrames.received) } ?? 0
    }

    /// The number of frames that proton does not count, less those that it counts and that did not pass the wire.
    private var unseenFrames: (sent: Int64, received: Int64) { connection.sasl?.unseenFrames ?? (0, 0) }

    /// Host and port of proton's address in the form of a URL: `127.0.0.1:5672`, `[::1]:5672`; nil if it has none.
    static func text(_ address: OpaquePointer?) -> String? {
        guard let address else { return nil }
        var text = [CChar](repeating: 0, count: 1_025 + 32)
        let length = pn_netaddr_str(address, &text, text.count)
        guard length > 0 else { return nil }
        let plain = String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let colon = plain.lastIndex(of: ":"), plain[..<colon].contains(":") else { return plain }
        return "[\(plain[..<colon])]\(plain[colon...])"
    }
}

/// The settings of a transport, which apply before its first byte.
package struct TransportConfiguration: Sendable {
    package var isServer: Bool
    package var limits: ConnectionLimits
    /// Whether a client uses a SASL layer; a server determines it from the client's first bytes.
    package var usesSASL = true
    /// The mechanisms that may be used, separated by spaces; nil means all that are available.
    package var mechanisms: String?
    /// Whether and how the transport uses TLS; not by default.
    package var security = TransportSecurity.none
    /// The peers that a secret may be sent to, or accepted from, without encryption.
    package var allowsInsecureMechanisms = Allowance.onLoopback
    /// The credentials of a client.
    package var credentials = CredentialSource.fixed(.anonymous)
    /// The number of earlier tries to connect, for a client.
    package var attempt = 0
    /// The program's own mechanisms, for a client.
    package var clientMechanisms: [any SASLClientMechanism] = []
    /// Whether a client presents a certificate in TLS.
    package var hasClientCertificate = false
    /// How a server authenticates its clients.
    package var authentication = Authentication.anonymous
    /// Whether a server refuses clients that omit SASL.
    package var requiresSASL = false
    /// The log of the frames, if there is a SASL layer; nil for none.
    package var log: TransportLog?

    package init(isServer: Bool, limits: ConnectionLimits) {
        self.isServer = isServer
        self.limits = limits
    }

    /// Makes a transport; the proactor or the driver that receives it owns it.
    func makeTransport(for connection: Connection) -> OpaquePointer? {
        guard let transport = pn_transport() else { return nil }
        if isServer {
            pn_transport_set_server(transport)
            pn_transport_require_auth(transport, requiresSASL)
        }
        secure(transport, for: connection)
        // Without a layer of ours, proton makes a server's layer itself, and would accept all clients.
        let sasl = usesSASL || isServer ? makeSASL(for: connection) : nil
        if let sasl {
            pn_sasl(transport)
            SASLImplementation.install(in: transport, sasl)
            log?.begin(transport)
            if !isServer { sasl.begin(SASLLayer(transport: transport)) }
        }
        connection.sasl = sasl
        connection.frameLayer = sasl?.frames
        pn_transport_set_max_frame(transport, limits.maxFrameSize)
        pn_transport_set_channel_max(transport, UInt16(clamping: limits.maxSessions - 1))
        pn_transport_set_idle_timeout(transport, pn_millis_t(clamping: limits.idleTimeout.milliseconds))
        return transport
    }

    private func makeSASL(for connection: Connection) -> SASLContext {
        let frames = limits.usesFrameLayer ? FrameLayer(limits, connection.workQueue) : nil
        let trace = log.map(FrameTrace.init)
        let allowed = mechanisms.map { Set($0.split(separator: " ").map { SASLMechanism(rawValue: String($0)) }) }
        if isServer {
            let server = SASLServer(authentication, allowed: allowed, allowsInsecure: allowsInsecureMechanisms)
            return ServerSASL(
                frames: frames, tls: connection.tls.session, trace: trace, maxFrameSize: limits.maxFrameSize,
                connection.workQueue, server, authentication.authenticator)
        }
        let circumstances = MechanismChoice.Circumstances(
            allowed: allowed, custom: clientMechanisms, hasCertificate: hasClientCertificate,
            host: connection.pointer.flatMap { DataBridge.string(pn_connection_get_hostname($0)) })
        return ClientSASL(
            frames: frames, tls: connection.tls.session, trace: trace, maxFrameSize: limits.maxFrameSize,
            connection.workQueue, credentials, attempt: attempt, circumstances, allowsInsecureMechanisms)
    }

    /// Starts TLS on a transport if it is configured; if that fails, the transport cannot be used.
    private func secure(_ transport: OpaquePointer, for connection: Connection) {
        do throws(ProtonError) {
            connection.tls = try security.begin(in: transport).map(TransportTLS.session) ?? .none
        } catch {
            connection.tls = .unusable(Condition("proton:tls-failed", error.message))
            // TLS without settings: a client's transport ends before its first byte, and a server's accepts no client.
            _ = pn_ssl(transport)
            pn_transport_require_encryption(transport, true)
        }
    }
}

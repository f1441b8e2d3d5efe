// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import CProton
import ProtonUtilities

/// What a connection's bytes travel over, and its SASL layer (AMQP 1.0, 2.2 and 5.3; `pn_transport_t`): a view.
///
/// It belongs to its connection's domain.
public struct Transport {
    /// The connection above the transport.
    public let connection: Connection

    private var pointer: OpaquePointer? {
        connection.confined().flatMap { pn_connection_transport($0) }
    }

    /// The error that ended the transport; nil where none did.
    public var condition: Condition? {
        pointer.flatMap { Condition(pn_transport_condition($0)) }
    }

    /// Whether a SASL exchange has succeeded, ANONYMOUS included: `Connection.user` tells who the peer says it is.
    public var isAuthenticated: Bool { pointer.map { pn_transport_is_authenticated($0) } ?? false }

    /// The SASL mechanism that the client has logged in by, or tried to; nil where there is none.
    public var mechanism: SASLMechanism? {
        isAuthenticated || !connection.isIncoming ? connection.sasl?.mechanism : nil
    }

    /// Whom the peer of a listener acts as: the user that it logged in as, or another that the listener's authenticator lets
    /// it be (`Authenticator.permits`); nil where it is not logged in.
    public var authorization: String? {
        guard let pointer, isAuthenticated, connection.sasl != nil else { return nil }
        return DataBridge.string(pn_sasl_get_authorization(pn_sasl(pointer)))
    }

    /// Whether the peer is on the same machine: its address is of 127.0.0.0/8 or ::1, or there is no socket.
    public var isLoopback: Bool { pointer.map { Transport.isLoopback(pn_transport_remote_addr($0)) } ?? true }

    /// Whether the bytes are encrypted.
    public var isEncrypted: Bool { pointer.map { pn_transport_is_encrypted($0) } ?? false }

    /// The peer's address and port, as in `127.0.0.1:5672`; nil where there is no socket.
    public var remoteAddress: String? { pointer.flatMap { Transport.text(pn_transport_remote_addr($0)) } }

    /// This side's address and port; nil where there is no socket.
    public var localAddress: String? { pointer.flatMap { Transport.text(pn_transport_local_addr($0)) } }

    /// The largest frame that the peer takes, in bytes; 0 is no limit.
    public var remoteMaxFrameSize: UInt32 { pointer.map { pn_transport_get_remote_max_frame($0) } ?? 0 }

    /// How long the peer waits for a frame before it gives up; `.zero` is for ever.
    public var remoteIdleTimeout: Duration {
        // The longest is that of an open frame which is not the peer's, or had none: `SASLLayer`.
        let milliseconds = pointer.map { pn_transport_get_remote_idle_timeout($0) } ?? 0
        return .milliseconds(milliseconds == .max ? 0 : Int64(milliseconds))
    }

    /// How many frames went out.
    public var framesSent: UInt64 {
        pointer.map { pn_transport_get_frames_output($0) &+ UInt64(bitPattern: unseenFrames.sent) } ?? 0
    }

    /// How many frames came in.
    public var framesReceived: UInt64 {
        pointer.map { pn_transport_get_frames_input($0) &+ UInt64(bitPattern: unseenFrames.received) } ?? 0
    }

    /// How many frames there were of which proton does not know, less those that it knows in vain.
    private var unseenFrames: (sent: Int64, received: Int64) { connection.sasl?.unseenFrames ?? (0, 0) }

    /// Host and port of an address of proton's, as a URL has them: `127.0.0.1:5672`, `[::1]:5672`; nil where it has none.
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

/// How a transport is set up before its first byte.
package struct TransportConfiguration: Sendable {
    package var isServer: Bool
    package var limits: ConnectionLimits
    /// Whether a client uses a SASL layer; a server finds out from the client's first bytes.
    package var usesSASL = true
    /// The mechanisms that may be used, separated by spaces; nil is all that are available.
    package var mechanisms: String?
    /// How the transport speaks TLS; not at all by default.
    package var security = TransportSecurity.none
    /// Which peers a secret may be sent to, or taken from, without encryption.
    package var allowsInsecureMechanisms = Allowance.onLoopback
    /// What a client logs in with.
    package var credentials = CredentialSource.fixed(.anonymous)
    /// How many tries of a client's connection came before.
    package var attempt = 0
    /// A client's mechanisms of the program's own.
    package var clientMechanisms: [any SASLClientMechanism] = []
    /// Whether TLS shows a client's peer a certificate.
    package var hasClientCertificate = false
    /// How a server's clients log in.
    package var authentication = Authentication.anonymous
    /// Whether a server's clients may leave SASL out.
    package var requiresSASL = false
    /// What the frames are told to, where there is a SASL layer; nil is nobody.
    package var log: TransportLog?

    package init(isServer: Bool, limits: ConnectionLimits) {
        self.isServer = isServer
        self.limits = limits
    }

    /// Makes a transport; the proactor or the driver that it is handed to owns it.
    func makeTransport(for connection: Connection) -> OpaquePointer? {
        guard let transport = pn_transport() else { return nil }
        if isServer {
            pn_transport_set_server(transport)
            pn_transport_require_auth(transport, requiresSASL)
        }
        secure(transport, for: connection)
        // Proton makes a server's layer by itself where there is none, and would let all in.
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

    /// Has a transport speak TLS where that is asked for; where it cannot, the transport is of no use.
    private func secure(_ transport: OpaquePointer, for connection: Connection) {
        do throws(ProtonError) {
            connection.tls = try security.begin(in: transport).map(TransportTLS.session) ?? .none
        } catch {
            connection.tls = .unusable(Condition("proton:tls-failed", error.message))
            // A layer that was not set up: a client's transport ends before its first byte, a server's takes nobody.
            _ = pn_ssl(transport)
            pn_transport_require_encryption(transport, true)
        }
    }
}

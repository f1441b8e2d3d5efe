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
        .milliseconds(pointer.map { Int64(pn_transport_get_remote_idle_timeout($0)) } ?? 0)
    }

    /// How many frames went out.
    public var framesSent: UInt64 { pointer.map { pn_transport_get_frames_output($0) } ?? 0 }

    /// How many frames came in.
    public var framesReceived: UInt64 { pointer.map { pn_transport_get_frames_input($0) } ?? 0 }

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
    /// Whether a SASL layer is used; a server finds out from the client's first bytes.
    package var usesSASL = true
    /// The mechanisms that may be used, separated by spaces; nil is all that are available.
    package var mechanisms: String?
    /// Whether PLAIN may be used without encryption.
    package var allowsInsecureMechanisms = true

    package init(isServer: Bool, limits: ConnectionLimits) {
        self.isServer = isServer
        self.limits = limits
    }

    /// Makes a transport; the proactor or the driver that it is handed to owns it.
    func makeTransport(for connection: Connection) -> OpaquePointer? {
        guard let transport = pn_transport() else { return nil }
        if isServer {
            pn_transport_set_server(transport)
            pn_transport_require_auth(transport, false)
        }
        if usesSASL {
            let sasl = pn_sasl(transport)
            pn_sasl_set_allow_insecure_mechs(sasl, allowsInsecureMechanisms)
            if let mechanisms { pn_sasl_allowed_mechs(sasl, mechanisms) }
            if isServer, limits.usesFrameLayer {
                let context = SASLContext(limits, connection.workQueue)
                SASLImplementation.install(in: transport, context)
                connection.frameLayer = context
            }
        }
        pn_transport_set_max_frame(transport, limits.maxFrameSize)
        pn_transport_set_channel_max(transport, UInt16(clamping: limits.maxSessions - 1))
        pn_transport_set_idle_timeout(transport, pn_millis_t(clamping: limits.idleTimeout.milliseconds))
        return transport
    }
}

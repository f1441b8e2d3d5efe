import CProton
import Glibc

/// Proton's SASL layer of one transport (`pnx_sasl`): what SASL's state machines know of it and do with it.
struct SASLLayer {
    let transport: OpaquePointer

    /// Whether TLS encrypts the connection.
    var isEncrypted: Bool { pnx_sasl_is_transport_encrypted(transport) }

    /// The outcome that proton has, as a code of sasl-outcome.
    var outcome: UInt8 { UInt8(truncatingIfNeeded: pn_sasl_outcome(pn_sasl(transport)).rawValue) }

    /// Whether the peer is on the same machine, or there is no socket.
    var isLoopback: Bool { Transport.isLoopback(pn_transport_remote_addr(transport)) }

    /// Whether what has been started for the transport may still be finished.
    var isAlive: Bool {
        !pn_transport_tail_closed(transport) && !pn_condition_is_set(pn_transport_condition(transport))
    }

    /// What a server's authenticator is told of its client.
    var peer: SASLPeer {
        SASLPeer(
            address: Transport.text(pn_transport_remote_addr(transport)), isLoopback: isLoopback,
            isEncrypted: isEncrypted, certificateUser: SASLContext.of(transport)?.tls?.certificateUser)
    }

    // MARK: Frames

    /// Has proton write a frame.
    /// - Parameter bytes: what goes with it, which the context keeps until there is another; nil is nothing.
    func post(_ state: pnx_sasl_state, _ bytes: UnsafeBufferPointer<CChar>?) {
        SASLContext.of(transport)?.notePosted(bytes?.count ?? 0)
        pnx_sasl_set_bytes_out(transport, pn_bytes_t(size: bytes?.count ?? 0, start: bytes?.baseAddress))
        pnx_sasl_set_desired_state(transport, state)
    }

    /// Whether proton can write more without moving what waits to be written, which the proactor may be writing.
    ///
    /// Proton moves it where its 8 KiB for output are full.
    var canWrite: Bool { pn_transport_head(transport) == nil || SASLContext.of(transport)?.postedSize ?? .max < 7_600 }

    /// Has proton write what SASL says now.
    ///
    /// Until it has written how SASL ends, proton passes what follows of the same bytes of the peer's round the layer of
    /// frames.
    func flush() {
        if canWrite { _ = pn_transport_pending(transport) }
    }

    /// Chooses a client's mechanism.
    func select(_ mechanism: SASLMechanism) {
        // Proton would forget the one before without freeing it.
        guard pnx_sasl_get_selected_mechanism(transport) == nil else { return }
        pnx_sasl_set_selected_mechanism(transport, mechanism.rawValue)
    }

    /// Gives up as a client: the connection ends.
    func giveUp() {
        pnx_sasl_set_failed(transport)
        pnx_sasl_set_desired_state(transport, SASL_RECVED_FAILURE)
    }
}

extension Transport {
    /// Whether an address of proton's is one of this machine: 127.0.0.0/8, ::1, or none, where there is no socket.
    static func isLoopback(_ address: OpaquePointer?) -> Bool {
        guard let address, let socket = pn_netaddr_sockaddr(address) else { return true }
        switch Int32(socket.pointee.sa_family) {
        case AF_INET:
            return socket.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                UInt32(bigEndian: $0.pointee.sin_addr.s_addr) >> 24 == 127
            }
        case AF_INET6:
            return socket.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
                withUnsafeBytes(of: $0.pointee.sin6_addr) { isLoopback(Array($0)) }
            }
        case AF_UNSPEC, AF_UNIX: return true
        default: return false
        }
    }

    /// Whether the 16 bytes of an IPv6 address are ::1, or those of an IPv4 address of this machine.
    static func isLoopback(_ bytes: [UInt8]) -> Bool {
        if bytes.dropLast().allSatisfy({ $0 == 0 }) { return bytes.last == 1 }
        return bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10...12].elementsEqual([0xff, 0xff, 127])
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import Glibc

/// Proton's SASL layer of one transport (`pnx_sasl`): what SASL's state machines know of it and do with it.
struct SASLLayer {
    let transport: OpaquePointer

    /// Whether TLS encrypts the connection.
    var isEncrypted: Bool { pnx_sasl_is_transport_encrypted(transport) }

    /// Whether the peer is on the same machine, or there is no socket.
    var isLoopback: Bool { Transport.isLoopback(pn_transport_remote_addr(transport)) }

    /// The peer's address; nil where there is no socket.
    var address: String? { Transport.text(pn_transport_remote_addr(transport)) }

    /// Whether what has been started for the transport may still be finished.
    var isAlive: Bool {
        !pn_transport_tail_closed(transport) && !pn_condition_is_set(pn_transport_condition(transport))
    }

    /// What a server's authenticator is told of its client.
    var peer: SASLPeer {
        SASLPeer(
            address: address, isLoopback: isLoopback,
            isEncrypted: isEncrypted, certificateUser: SASLContext.of(transport)?.tls?.certificateUser)
    }

    // MARK: Taking over from proton

    /// Has proton take SASL for finished: from its next output on all bytes pass the context, both ways.
    ///
    /// Proton 0.37 reads frames of AMQP's inside of its SASL layer (PROTON-2945), and tells nobody before it acts on them. In
    /// its state for errors it writes and reads nothing of SASL's any more; with an outcome that is no failure it puts its
    /// security layer in, which hands all bytes to `SASLImplementation`.
    func takeOver() {
        pn_sasl_done(pn_sasl(transport), PN_SASL_OK)
        pnx_sasl_set_desired_state(transport, SASL_ERROR)
    }

    /// Has a server's proton offer its mechanisms, the last that it does for SASL; `takeOver` follows them.
    ///
    /// Proton calls this before it reads the first bytes behind the client's header, where it must not come to read them
    /// itself, or as it writes its own header, and then goes on to write the mechanisms.
    func offer() {
        // The client has chosen SASL: that it logs in before it opens is seen to by the context.
        pn_transport_require_auth(transport, false)
        pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS)
        // Within TLS's output a call for output would write over what that has written: there the last record is this side's
        // header. Where it is not, proton has just read from the client.
        if SASLContext.of(transport)?.tls?.takeHasWrittenLast() != true { _ = pn_transport_pending(transport) }
    }

    /// A protocol header and an open frame that proton is handed in the place of the peer's until SASL is done.
    ///
    /// Without them it has nothing to write when SASL has: `askForOutput`. The idle-time-out is the longest that there is.
    static let standIn: [UInt8] =
        SASLInput.ProtocolLayer.amqp.header
        + [0, 0, 0, 23, 2, 0, 0, 0, 0, 0x53, 0x10, 0xc0, 10, 5, 0x40, 0x40, 0x40, 0x40, 0x70]
        + [0xff, 0xff, 0xff, 0xff]

    /// Puts the longest idle-time-out into a whole open frame at the beginning of bytes, where that has none: proton has
    /// frames to write as long as there is one.
    static func setIdleTimeout(ofOpenIn bytes: inout [UInt8]) {
        guard bytes.count >= 8 else { return }
        let size = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
        let start = 4 * Int(bytes[4])
        guard start >= 8, size > start, bytes.count >= size,
            case .described(var open)? = try? AMQPValue(decoding: Array(bytes[start..<size])),
            case .list(var fields) = open.value, open.descriptor == .ulong(0x10)
        else { return }
        while fields.count < 5 { fields.append(.null) }
        guard [.null, .uint(0)].contains(fields[4]) else { return }
        fields[4] = .uint(.max)
        open.value = .list(fields)
        guard let body = try? AMQPValue.described(open).encoded() else { return }
        let head = withUnsafeBytes(of: UInt32(truncatingIfNeeded: start + body.count).bigEndian, Array.init)
        bytes.replaceSubrange(..<size, with: head + bytes[4..<start] + body)
    }

    /// Has proton write a frame without a body, so that the context is asked for output.
    ///
    /// Proton writes such frames when half of the peer's idle-time-out has passed since it wrote: it is told of times that are
    /// not. When it is told of another, it reckons anew from that, since it has written. (The proactor aborts the process
    /// where the time that it is to call again at becomes earlier more than once.)
    /// - Returns: how many frames proton has written, 0 or 1.
    func askForOutput() -> Int {
        defer { noteOutput() }
        return countFrames {
            // Where proton has written since it was told of a time, the frame is due half an idle-time-out after this.
            pn_transport_tick(transport, -SASLLayer.far)
            pn_transport_tick(transport, pn_proactor_now_64())
        } orElse: {
            pn_transport_tick(transport, SASLLayer.far)
        }
    }

    /// Has proton reckon anew when the next frame without a body is due, with what the peer's open frame says: it does where
    /// it has written since it was told of a time.
    /// - Returns: how many frames proton has written, 0 or 1.
    func forgetHeartbeat() -> Int {
        countFrames {
            pn_transport_tick(transport, SASLLayer.far)
        } orElse: {
            pn_transport_tick(transport, 2 * SASLLayer.far)
        }
    }

    /// Counts the frames that proton writes as it is told of times, while its own idle time-out does not count.
    private func countFrames(_ body: () -> Void, orElse: () -> Void) -> Int {
        let count = pn_transport_get_frames_output(transport)
        let idleTimeout = pn_transport_get_idle_timeout(transport)
        pn_transport_set_idle_timeout(transport, 0)
        body()
        if pn_transport_get_frames_output(transport) == count { orElse() }
        pn_transport_set_idle_timeout(transport, idleTimeout)
        return Int(pn_transport_get_frames_output(transport) - count)
    }

    /// Makes an event, without which the proactor does not look for output once it has found none in a batch.
    private func noteOutput() {
        guard let connection = pn_transport_connection(transport) else { return }
        pn_collector_put(
            pn_connection_collector(connection), pn_class(UnsafeMutableRawPointer(transport)),
            UnsafeMutableRawPointer(transport), PN_TRANSPORT)
    }

    /// Farther from any time that a machine's clock shows, in milliseconds, than the longest idle-time-out is long.
    private static let far: Int64 = 1 << 42

    /// Has proton put what there is to write into the transport's output; not called from within that.
    func flush() { _ = pn_transport_pending(transport) }

    /// Ends the transport with an error, once what waits is written.
    ///
    /// Proton has no call for that but for its idle time-out: it is told that this is over, and the error is replaced.
    func fail(_ condition: Condition) {
        let logger = pn_transport_logger(transport)
        let (sink, context) = (pn_logger_get_log_sink(logger), pn_logger_get_log_sink_context(logger))
        // It would tell of an idle time-out.
        pn_logger_set_log_sink(logger, { _, _, _, _ in }, 0)
        let now = pn_proactor_now_64()
        pn_transport_set_idle_timeout(transport, 1)
        // The first sets the time where something has come since proton looked for the last time.
        pn_transport_tick(transport, now)
        pn_transport_tick(transport, SASLLayer.far)
        pn_transport_set_idle_timeout(transport, 0)
        pn_transport_tick(transport, now)
        pn_logger_set_log_sink(logger, sink, context)
        Condition.set(condition, in: pn_transport_condition(transport))
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

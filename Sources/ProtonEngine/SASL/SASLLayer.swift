// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton
import Glibc

/// Proton's SASL layer of one transport (`pnx_sasl`), as the SASL state machines use it.
struct SASLLayer {
    let transport: OpaquePointer

    /// Whether TLS encrypts the connection.
    var isEncrypted: Bool { pnx_sasl_is_transport_encrypted(transport) }

    /// Whether the peer is on the same machine, or there is no socket.
    var isLoopback: Bool { Transport.isLoopback(pn_transport_remote_addr(transport)) }

    /// The peer's address; nil if there is no socket.
    var address: String? { Transport.text(pn_transport_remote_addr(transport)) }

    /// Whether the transport can still complete what was started for it.
    var isAlive: Bool {
        !pn_transport_tail_closed(transport) && !pn_condition_is_set(pn_transport_condition(transport))
    }

    /// The description of a client for a server's authenticator.
    var peer: SASLPeer {
        SASLPeer(
            address: address, isLoopback: isLoopback,
            isEncrypted: isEncrypted, certificateUser: SASLContext.of(transport)?.tls?.certificateUser)
    }

    // MARK: Taking over from proton

    /// Makes proton treat SASL as completed: from its next output on, all bytes pass through the context, in both directions.
    ///
    /// Proton 0.37 reads AMQP frames inside its SASL layer (PROTON-2945), and processes them without notice. In its error state,
    /// it neither writes nor reads SASL frames; with a successful outcome, it installs its security layer, which passes all bytes
    /// to `SASLImplementation`.
    func takeOver() {
        pn_sasl_done(pn_sasl(transport), PN_SASL_OK)
        pnx_sasl_set_desired_state(transport, SASL_ERROR)
    }

    /// Makes a server's proton offer its mechanisms, which is its last part in SASL; `takeOver` follows.
    ///
    /// Proton calls this either before it reads the first bytes after the client's header, which it must not read itself, or when
    /// it writes its own header, and then writes the mechanisms next.
    func offer() {
        // The client has chosen SASL; the context ensures that it authenticates before it opens.
        pn_transport_require_auth(transport, false)
        pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS)
        // While TLS writes its output, a request for output would overwrite that output: in this case the last record is this
        // side's header. Otherwise proton has just read from the client, and output may be requested.
        if SASLContext.of(transport)?.tls?.takeHasWrittenLast() != true { _ = pn_transport_pending(transport) }
    }

    /// The stand-in: a protocol header and an open frame that proton receives instead of the peer's until SASL is completed.
    ///
    /// Without it, proton has no output at the times when SASL has: see `askForOutput`. It has the maximum idle-time-out.
    static let standIn: [UInt8] =
        SASLInput.ProtocolLayer.amqp.header
        + [0, 0, 0, 23, 2, 0, 0, 0, 0, 0x53, 0x10, 0xc0, 10, 5, 0x40, 0x40, 0x40, 0x40, 0x70]
        + [0xff, 0xff, 0xff, 0xff]

    /// Sets the maximum idle-time-out in the complete open frame at the beginning of bytes, if that has none.
    ///
    /// Proton writes empty frames only if there is an idle-time-out.
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

    /// Makes proton write an empty frame, so that it asks the context for output.
    ///
    /// Proton writes such a frame when half of the peer's idle-time-out has passed since its last output, so this passes times
    /// that are not real. When proton receives another time, it counts from that one, because it has written. (The proactor
    /// aborts the process if the time of its next call becomes earlier more than once.)
    /// - Returns: the number of frames that proton has written, 0 or 1.
    func askForOutput() -> Int {
        defer { noteOutput() }
        return countFrames {
            // If proton has written since the last tick, the frame is due half an idle-time-out after this time.
            pn_transport_tick(transport, -SASLLayer.far)
            pn_transport_tick(transport, pn_proactor_now_64())
        } orElse: {
            pn_transport_tick(transport, SASLLayer.far)
        }
    }

    /// Makes proton recompute the time of the next empty frame with the idle-time-out of the peer's open frame.
    ///
    /// Proton does so if it has written since the last tick.
    /// - Returns: the number of frames that proton has written, 0 or 1.
    func forgetHeartbeat() -> Int {
        countFrames {
            pn_transport_tick(transport, SASLLayer.far)
        } orElse: {
            pn_transport_tick(transport, 2 * SASLLayer.far)
        }
    }

    /// Counts the frames that proton writes during ticks, with its own idle time-out disabled.
    private func countFrames(_ body: () -> Void, orElse: () -> Void) -> Int {
        let count = pn_transport_get_frames_output(transport)
        let idleTimeout = pn_transport_get_idle_timeout(transport)
        pn_transport_set_idle_timeout(transport, 0)
        body()
        if pn_transport_get_frames_output(transport) == count { orElse() }
        pn_transport_set_idle_timeout(transport, idleTimeout)
        return Int(pn_transport_get_frames_output(transport) - count)
    }

    /// Makes an event, because the proactor stops looking for output after it has found none in a batch.
    private func noteOutput() {
        guard let connection = pn_transport_connection(transport) else { return }
        pn_collector_put(
            pn_connection_collector(connection), pn_class(UnsafeMutableRawPointer(transport)),
            UnsafeMutableRawPointer(transport), PN_TRANSPORT)
    }

    /// A distance in milliseconds from any real clock time that exceeds the maximum idle-time-out.
    private static let far: Int64 = 1 << 42

    /// Makes proton write pending output to the transport's buffer; must not be called during that.
    func flush() { _ = pn_transport_pending(transport) }

    /// Ends the transport with an error, after the pending output is written.
    ///
    /// Proton has a call for this only for its idle time-out: this makes the time-out expire, and replaces the error.
    func fail(_ condition: Condition) {
        let logger = pn_transport_logger(transport)
        let (sink, context) = (pn_logger_get_log_sink(logger), pn_logger_get_log_sink_context(logger))
        // Otherwise proton would log an idle time-out.
        pn_logger_set_log_sink(logger, { _, _, _, _ in }, 0)
        let now = pn_proactor_now_64()
        pn_transport_set_idle_timeout(transport, 1)
        // If input has arrived since the last tick, the first tick only sets the time.
        pn_transport_tick(transport, now)
        pn_transport_tick(transport, SASLLayer.far)
        pn_transport_set_idle_timeout(transport, 0)
        pn_transport_tick(transport, now)
        pn_logger_set_log_sink(logger, sink, context)
        Condition.set(condition, in: pn_transport_condition(transport))
    }
}

extension Transport {
    /// Whether an address of proton's is on this machine: 127.0.0.0/8, ::1, or no address if there is no socket.
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

    /// Whether the 16 bytes of an IPv6 address are ::1, or an IPv4 loopback address.
    static func isLoopback(_ bytes: [UInt8]) -> Bool {
        if bytes.dropLast().allSatisfy({ $0 == 0 }) { return bytes.last == 1 }
        return bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10...12].elementsEqual([0xff, 0xff, 127])
    }
}

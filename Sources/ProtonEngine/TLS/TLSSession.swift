// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import COpenSSL

/// The TLS state of one transport.
///
/// OpenSSL keeps it with the `SSL` until that is freed with the transport.
///
/// `@unchecked Sendable`: OpenSSL's callbacks occur in proton's calls on the transport, of which there is only one at a time, on
/// the thread that has the connection (see `SASLContext`); all readers are in the connection's domain, or in such a call.
package final class TLSSession: @unchecked Sendable {
    /// The progress of the handshake.
    enum State {
        /// No data was exchanged yet.
        case waiting
        case handshaking
        case established(TLSInfo)
    }

    let role: TLSContext.Role
    /// The name of the server, for a client.
    let serverName: String?
    /// The key that distinguishes the sessions of one server from those of others.
    let key: String
    private(set) var state = State.waiting
    /// The first problem that OpenSSL or the peer has reported.
    private(set) var finding: TLSFinding?
    /// Whether this side has written the last TLS record, and the `SSL` that reports it; nil if it is not tracked.
    private var lastRecord: (isWritten: Bool, ssl: OpaquePointer)?

    init(_ role: TLSContext.Role, serverName: String?, key: String) {
        (self.role, self.serverName, self.key) = (role, serverName, key)
    }

    /// The result of the handshake; nil before it is completed.
    package var info: TLSInfo? { if case .established(let info) = state { info } else { nil } }

    /// The user of a client's certificate, for SASL EXTERNAL; nil if there is none.
    var certificateUser: String? {
        guard case .server(let kind, _) = role else { return nil }
        return info?.peerCertificate?.userName(kind)
    }

    /// Whether a client that has not begun TLS must be refused.
    var requiresTLS: Bool { if case .server(_, allowsPlain: true) = role { false } else { true } }

    /// The TLS failure that ended the transport; nil if there is none.
    /// - Parameter condition: the condition of the transport.
    func failure(_ condition: Condition?) -> TLSFailure? {
        let progress: TLSFailure.Progress =
            switch state {
            case .waiting where !requiresTLS: .notWanted
            case .waiting: .waiting
            case .handshaking: .begun
            case .established: .established
            }
        let side: TLSFailure.Side =
            switch role {
            case .client: .client(serverName: serverName ?? "")
            case .server: .server
            }
        return TLSFailure(finding, progress, condition, side)
    }

    // MARK: OpenSSL's callbacks

    /// Registers callbacks for the handshake, and attaches this object to the `SSL`.
    /// - Returns: whether this succeeded.
    func bind(to ssl: OpaquePointer) -> Bool {
        let retained = Unmanaged.passRetained(self)
        // Released by `sessionIsFreed`.
        guard SSL_set_ex_data(ssl, OpenSSL.sessionIndex, retained.toOpaque()) == 1 else {
            retained.release()
            return false
        }
        SSL_set_info_callback(ssl, noteProgress)
        if case .server = role {
            lastRecord = (isWritten: false, ssl)
            SSL_set_msg_callback(ssl, recordPasses)
        }
        return true
    }

    /// Whether this side has written the last TLS record; ends the tracking.
    ///
    /// Must be called during a call of proton's TLS layer, which has its `SSL`, and not from an OpenSSL callback, because the
    /// message callback must not be removed while OpenSSL is in it.
    func takeHasWrittenLast() -> Bool {
        guard let lastRecord else { return false }
        SSL_set_msg_callback(lastRecord.ssl, nil)
        self.lastRecord = nil
        return lastRecord.isWritten
    }

    fileprivate func noteRecord(isWritten: Bool) { lastRecord?.isWritten = isWritten }

    /// The object of this library that is attached to an `SSL`.
    static func of(_ ssl: OpaquePointer) -> TLSSession? {
        SSL_get_ex_data(ssl, OpenSSL.sessionIndex).map { Unmanaged<TLSSession>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Records that OpenSSL refuses a certificate of the peer.
    func noteRefusal(_ code: Int32, depth: Int32, _ certificate: OpaquePointer?) {
        guard finding == nil else { return }
        var summary: TLSCertificateSummary?
        if let certificate, X509_up_ref(certificate) == 1 {
            summary = TLSCertificateSummary(TLSPeerCertificate(certificate: X509Certificate(owning: certificate)))
        }
        finding = .refusedCertificate(code: code, isPeersOwn: depth == 0, summary)
    }

    fileprivate func noteAlert(_ alert: UInt8, isReceived: Bool) {
        // The peer's `close_notify` is not a problem.
        guard alert != TLSAlert.closeNotify, finding == nil else { return }
        finding = isReceived ? .alertReceived(alert) : .alertSent(alert)
    }

    fileprivate func noteStart() {
        if case .waiting = state { state = .handshaking }
    }

    /// Stores the result of the completed handshake, because the `SSL` may be freed when it is needed.
    fileprivate func noteEnd(_ ssl: OpaquePointer) {
        // TLS 1.3 reports it again for each ticket.
        if case .established = state { return }
        let cipher = SSL_get_current_cipher(ssl).flatMap { SSL_CIPHER_get_name($0) }
        let told = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)
        state = .established(
            TLSInfo(
                version: String(cString: SSL_get_version(ssl)), cipher: cipher.map { String(cString: $0) } ?? "",
                isResumed: SSL_session_reused(ssl) == 1, serverName: told.map { String(cString: $0) },
                peerCertificate: SSL_get1_peer_certificate(ssl).map {
                    TLSPeerCertificate(certificate: X509Certificate(owning: $0))
                }))
    }
}

private let told = SSL_CB_ALERT | SSL_CB_HANDSHAKE_START | SSL_CB_HANDSHAKE_DONE

private func noteProgress(_ ssl: OpaquePointer?, _ event: Int32, _ value: Int32) {
    guard let ssl, event & told != 0, let session = TLSSession.of(ssl) else { return }
    if event & SSL_CB_ALERT != 0 {
        session.noteAlert(UInt8(truncatingIfNeeded: value), isReceived: event & SSL_CB_READ != 0)
    } else if event & SSL_CB_HANDSHAKE_START != 0 {
        session.noteStart()
    } else {
        session.noteEnd(ssl)
    }
}

private func recordPasses(
    _ isWritten: Int32, _ version: Int32, _ type: Int32, _ bytes: UnsafeRawPointer?, _ count: Int,
    _ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?
) {
    guard type == SSL3_RT_HEADER, let ssl else { return }
    TLSSession.of(ssl)?.noteRecord(isWritten: isWritten != 0)
}

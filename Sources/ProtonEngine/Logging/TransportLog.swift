// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton
import Glibc

/// The log of a transport: its frames, and the lines of proton's own log.
///
/// It is called during calls on transports, possibly on several threads at the same time.
package struct TransportLog: Sendable {
    /// The kind of a line.
    package enum Kind: Sendable {
        /// A frame or a protocol header, received or sent.
        case frame
        case error, warning, info, debug
    }

    /// The maximum number of characters of a frame's payload, as printed.
    package var payload: Int
    /// Whether to log proton's debug lines.
    package var includesDebug: Bool
    /// Receives a line, with the peer's address if there is a socket.
    package var take: @Sendable (_ kind: Kind, _ text: String, _ peer: String?) -> Void

    package init(
        payload: Int, includesDebug: Bool, _ take: @escaping @Sendable (Kind, String, _ peer: String?) -> Void
    ) {
        (self.payload, self.includesDebug, self.take) = (max(0, payload), includesDebug, take)
    }

    /// The maximum length of a line of proton's, in bytes.
    private static let maxLength = 4_096

    /// Starts to log proton's own lines for a transport; `FrameTrace` logs the frames.
    func begin(_ transport: OpaquePointer) {
        guard let logger = pn_transport_logger(transport) else { return }
        // Proton calls it only during calls on the transport, which outlives them.
        pn_logger_set_log_sink(logger, takeLine, Int(bitPattern: transport))
        var levels = [PN_LEVEL_CRITICAL, PN_LEVEL_ERROR, PN_LEVEL_WARNING, PN_LEVEL_INFO]
        if includesDebug { levels += [PN_LEVEL_DEBUG, PN_LEVEL_TRACE] }
        let mask = levels.reduce(0) { $0 | $1.rawValue }
        pn_logger_set_mask(
            logger, UInt16(truncatingIfNeeded: PN_SUBSYSTEM_ALL.rawValue), UInt16(truncatingIfNeeded: mask))
    }

    /// Logs a line of proton's.
    fileprivate func note(_ level: pn_log_level_t, _ line: UnsafePointer<CChar>, _ transport: OpaquePointer) {
        let kind: Kind
        switch level.rawValue {
        // Frames and raw bytes, which are not logged here: they include passwords.
        case let bits where bits & (PN_LEVEL_FRAME.rawValue | PN_LEVEL_RAW.rawValue) != 0: return
        case let bits where bits & (PN_LEVEL_CRITICAL.rawValue | PN_LEVEL_ERROR.rawValue) != 0: kind = .error
        case let bits where bits & PN_LEVEL_WARNING.rawValue != 0: kind = .warning
        case let bits where bits & PN_LEVEL_INFO.rawValue != 0: kind = .info
        default: kind = .debug
        }
        let text = UnsafeBufferPointer(start: line, count: strnlen(line, TransportLog.maxLength))
        take(
            kind, String(decoding: text.lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self),
            Transport.text(pn_transport_remote_addr(transport)))
    }
}

private func takeLine(
    _ context: Int, _ subsystem: pn_log_subsystem_t, _ level: pn_log_level_t, _ line: UnsafePointer<CChar>?
) {
    guard let transport = OpaquePointer(bitPattern: context), let line else { return }
    SASLContext.of(transport)?.trace?.log.note(level, line, transport)
    // If the environment enables proton's own log, it receives these lines too.
    guard TransportLog.isTracing else { return }
    pn_logger_get_log_sink(pn_default_logger())?(
        Int(bitPattern: pn_transport_logger(transport)), subsystem, level, line)
}

extension TransportLog {
    /// Whether the environment enables proton's own log.
    fileprivate static let isTracing = getenv("PN_TRACE_FRM") != nil || getenv("PN_LOG") != nil
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton
import Glibc

/// What is told of a transport: its frames, and lines of proton's own log.
///
/// It is called from calls on transports, of which several may be made at once.
package struct TransportLog: Sendable {
    /// What a line is of.
    package enum Kind: Sendable {
        /// A frame or a protocol header, one way or the other.
        case frame
        case error, warning, info, debug
    }

    /// How many characters of the payload of a frame are told, as they are printed.
    package var payload: Int
    /// Whether proton's lines for its developers are told.
    package var includesDebug: Bool
    /// Takes a line, and the peer's address where there is a socket.
    package var take: @Sendable (_ kind: Kind, _ text: String, _ peer: String?) -> Void

    package init(
        payload: Int, includesDebug: Bool, _ take: @escaping @Sendable (Kind, String, _ peer: String?) -> Void
    ) {
        (self.payload, self.includesDebug, self.take) = (max(0, payload), includesDebug, take)
    }

    /// How long a line of proton's own may be, in bytes.
    private static let maxLength = 4_096

    /// Tells what proton itself has to say of a transport from now on: not its frames, of which `FrameTrace` tells.
    func begin(_ transport: OpaquePointer) {
        guard let logger = pn_transport_logger(transport) else { return }
        // Proton calls it from calls on the transport only, which outlives them.
        pn_logger_set_log_sink(logger, takeLine, Int(bitPattern: transport))
        var levels = [PN_LEVEL_CRITICAL, PN_LEVEL_ERROR, PN_LEVEL_WARNING, PN_LEVEL_INFO]
        if includesDebug { levels += [PN_LEVEL_DEBUG, PN_LEVEL_TRACE] }
        let mask = levels.reduce(0) { $0 | $1.rawValue }
        pn_logger_set_mask(
            logger, UInt16(truncatingIfNeeded: PN_SUBSYSTEM_ALL.rawValue), UInt16(truncatingIfNeeded: mask))
    }

    /// Takes a line of proton's.
    fileprivate func note(_ level: pn_log_level_t, _ line: UnsafePointer<CChar>, _ transport: OpaquePointer) {
        let kind: Kind
        switch level.rawValue {
        // Frames, and bytes as they are, which nobody has asked for here: passwords are among them.
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
    // Who asks proton itself for lines by its environment gets these too.
    guard TransportLog.isTracing else { return }
    pn_logger_get_log_sink(pn_default_logger())?(
        Int(bitPattern: pn_transport_logger(transport)), subsystem, level, line)
}

extension TransportLog {
    /// Whether the environment asks proton for lines of its log.
    fileprivate static let isTracing = getenv("PN_TRACE_FRM") != nil || getenv("PN_LOG") != nil
}

import CProton

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

    /// Tells of a transport from now on.
    func begin(_ transport: OpaquePointer) {
        guard let logger = pn_transport_logger(transport) else { return }
        // Proton's lines go there whether SASL is done or not.
        EarlyFrames.watch(transport)
        var levels = [PN_LEVEL_FRAME, PN_LEVEL_CRITICAL, PN_LEVEL_ERROR, PN_LEVEL_WARNING, PN_LEVEL_INFO]
        if includesDebug { levels += [PN_LEVEL_DEBUG, PN_LEVEL_TRACE] }
        let mask = levels.reduce(0) { $0 | $1.rawValue }
        pn_logger_set_mask(
            logger, UInt16(truncatingIfNeeded: PN_SUBSYSTEM_ALL.rawValue), UInt16(truncatingIfNeeded: mask))
    }

    /// Takes a line of proton's.
    func note(_ level: pn_log_level_t, _ line: UnsafePointer<CChar>, _ transport: OpaquePointer) {
        let kind: Kind
        switch level.rawValue {
        case let bits where EarlyFrames.isFrame(bits): kind = .frame
        case let bits where bits & (PN_LEVEL_CRITICAL.rawValue | PN_LEVEL_ERROR.rawValue) != 0: kind = .error
        case let bits where bits & PN_LEVEL_WARNING.rawValue != 0: kind = .warning
        case let bits where bits & PN_LEVEL_INFO.rawValue != 0: kind = .info
        case let bits where bits & (PN_LEVEL_DEBUG.rawValue | PN_LEVEL_TRACE.rawValue) != 0: kind = .debug
        // Bytes as they are, which nobody has asked for here: passwords are among them.
        default: return
        }
        let text = FrameText.redacted(String(cString: line), payload: payload)
        take(kind, text, Transport.text(pn_transport_remote_addr(transport)))
    }
}

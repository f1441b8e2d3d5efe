import CProton
import Glibc

/// Keeps from proton what a peer sends before SASL is done and that is not SASL's (AMQP 1.0, 5.3.1).
///
/// Proton 0.37 acts on frames of AMQP's inside of its SASL layer (PROTON-2945), where the layer of frames does not see them,
/// and some of them in a row end the process. It tells its log of each frame before it acts on it, which is the one place
/// to learn of them: so it gets a log of its own until SASL is done. The first such frame, which does no harm alone, ends SASL.
enum EarlyFrames {
    /// Begins to watch a transport with a SASL layer.
    static func watch(_ transport: OpaquePointer) {
        guard let logger = pn_transport_logger(transport) else { return }
        // Proton calls it for frames from calls on the transport only, which outlives them.
        pn_logger_set_log_sink(logger, takeLine, Int(bitPattern: transport))
        pn_logger_set_mask(logger, UInt16(truncatingIfNeeded: PN_SUBSYSTEM_AMQP.rawValue), level)
    }

    /// Ends that: SASL is done, and what comes passes the layer of frames.
    static func ignore(_ transport: OpaquePointer) {
        guard SASLContext.of(transport)?.log == nil,
            let logger = pn_transport_logger(transport), let `default` = pn_default_logger()
        else { return }
        // As a new transport has it.
        pn_logger_set_log_sink(logger, pn_logger_get_log_sink(`default`), Int(bitPattern: logger))
        if !isTracing { pn_logger_reset_mask(logger, 0, level) }
    }

    private static let level = UInt16(truncatingIfNeeded: PN_LEVEL_FRAME.rawValue)

    /// Whether the environment asks proton for lines of its log, which may be those of frames.
    private static let isTracing = getenv("PN_TRACE_FRM") != nil || getenv("PN_LOG") != nil

    /// Whether a line of proton's log tells of a frame from the peer that is not one of SASL's: `0 <- @open(16) [`….
    static func isEarly(_ line: UnsafePointer<CChar>) -> Bool {
        // Lines are as long as frames: only their beginning is of interest.
        guard let start = strstr(line, " <- @"), start - UnsafeMutablePointer(mutating: line) < 8 else { return false }
        return strncmp(start + 5, "sasl-", 5) != 0
    }

    /// Whether a line tells of a frame: proton has it that the end of a direction, `-> EOS`, is a frame and bytes.
    static func isFrame(_ level: UInt32) -> Bool { level & PN_LEVEL_FRAME.rawValue != 0 }

    /// Takes a line of proton's log: of a frame, or what proton would write to the error output.
    fileprivate static func take(
        _ transport: OpaquePointer, _ subsystem: pn_log_subsystem_t, _ level: pn_log_level_t,
        _ line: UnsafePointer<CChar>
    ) {
        let isFrame = isFrame(level.rawValue)
        let sasl = SASLContext.of(transport)
        if isFrame, isEarly(line) { sasl?.refuseEarlyFrame(SASLLayer(transport: transport)) }
        sasl?.log?.note(level, line, transport)
        if isFrame || sasl?.log != nil, !isTracing { return }
        pn_logger_get_log_sink(pn_default_logger())?(
            Int(bitPattern: pn_transport_logger(transport)), subsystem, level, line)
    }
}

private func takeLine(
    _ context: Int, _ subsystem: pn_log_subsystem_t, _ level: pn_log_level_t, _ line: UnsafePointer<CChar>?
) {
    guard let transport = OpaquePointer(bitPattern: context), let line else { return }
    EarlyFrames.take(transport, subsystem, level, line)
}

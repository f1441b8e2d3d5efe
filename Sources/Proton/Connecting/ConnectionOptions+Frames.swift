// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
public import Logging
import ProtonEngine

extension ConnectionOptions {
    /// Logs the frames of connections, sent and received, in readable form, and proton's own log messages: for debugging.
    ///
    ///     var client = try AMQPClient("localhost")
    ///     client.options.logFrames(to: Logger(label: "frames"))
    ///
    /// A line is `0 -> @open(16) [container-id="me", …]`: the channel, the direction, the performative and its fields; the peer's
    /// address is metadata. SASL responses are omitted, also invalid ones, and so is the payload of messages above a limit, which
    /// by default is all of it. Credentials that programs put into other fields or messages are shown.
    ///
    /// Frames are shown when they are sent or received. Frames of connections whose options have `usesSASL: false`, and of peers
    /// that omit SASL, are not shown. Each line is formatted on the connection's thread, which is safe for all input of a peer;
    /// data that is not AMQP is shown as malformed, with its size.
    ///
    /// Proton's own log (`PN_TRACE_FRM` and `PN_LOG` in the environment) is different: proton 0.37 formats the frames itself, and
    /// reads beyond the ends of malformed ones, which can crash the process. Use it only with trusted peers.
    /// - Parameters:
    ///   - logger: the logger of the lines; it is called on the connection's thread, and must not block.
    ///   - level: the level of frames. Default info. Proton's own messages have their own level: error, warning, info, or, if the
    ///     logger accepts that, debug.
    ///   - payload: how many characters of each frame's payload are shown, at most 1,024; a byte that is not ASCII counts as
    ///     four. Default 0: only its size.
    public mutating func logFrames(
        to logger: Logger = Logger(label: "proton.frames"), level: Logger.Level = .info, payload: Int = 0
    ) {
        frameLog = TransportLog(payload: min(1_024, payload), includesDebug: logger.logLevel <= .debug) {
            kind, text, peer in
            let level: Logger.Level =
                switch kind {
                case .frame: level
                case .error: .error
                case .warning: .warning
                case .info: .info
                case .debug: .debug
                }
            logger.log(level: level, "\(text)", metadata: peer.map { ["peer": "\($0)"] })
        }
    }
}

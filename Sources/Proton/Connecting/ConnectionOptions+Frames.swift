// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
public import Logging
import ProtonEngine

extension ConnectionOptions {
    /// Has the frames of connections logged, both ways and readable, with what proton itself has to say: for looking for
    /// faults.
    ///
    ///     var client = try AMQPClient("localhost")
    ///     client.options.logFrames(to: Logger(label: "frames"))
    ///
    /// A line is `0 -> @open(16) [container-id="me", …]`: the channel, which way, the performative and its fields; the peer's
    /// address is metadata. What a log-in consists of is left out, also where it is wrong; of messages it is the payload beyond
    /// a bound, which is none of it by default. Credentials that programs put into fields or messages are as they are.
    ///
    /// Frames are shown as they come and go. Those of connections whose options say `usesSASL: false` are not, nor those of peers
    /// that leave SASL out. Each costs the making of its line, on the connection's thread, which is safe whatever a peer sends;
    /// what is no AMQP is shown as malformed, with its size.
    ///
    /// Proton's own log (`PN_TRACE_FRM` and `PN_LOG` in the environment) is another: proton 0.37 makes its lines of frames, and reads
    /// beyond the ends of malformed ones, which can end the process. It is for peers that are trusted.
    /// - Parameters:
    ///   - logger: where lines go; it is called on the connection's thread, and must not block.
    ///   - level: the level of frames. Default info. What proton says itself has its own: error, warning, info, and debug where
    ///     the logger takes that.
    ///   - payload: how many characters of each frame's payload are shown, where bytes that are no ASCII count as four; at most
    ///     1,024 of them are. Default 0: its size only.
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

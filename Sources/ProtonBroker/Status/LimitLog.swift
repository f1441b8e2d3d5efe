// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Proton
import Synchronization

/// Logs that limits are reached: at once, and then at most every ten seconds for each kind of limit.
///
/// Peers can reach a limit with every message: with a line for each they could fill a disk.
final class LimitLog: Sendable {
    /// What was refused because of a limit.
    enum Kind: String {
        case link = "refused a link"
        case access = "refused what a peer may not do"
        case connection = "refused a connection"
        case login = "refused a log-in"
        case unidentified = "a peer did not log in"
        case message = "rejected a message"
        case transaction = "refused a transaction"
        case credit = "gives no more credit"
        case drop = "dropped the oldest message"
        case rejected = "dropped a message that was rejected"
        case deliveryLimit = "dropped a message that could not be delivered"
        case presettled = "closed a link, since a message was not taken that its sender had settled"
        case oversize = "kept a message from a consumer"

        /// Withheld credit loses nothing, and a peer that disconnects before it authenticates may only check whether a port is
        /// open.
        fileprivate var level: Logger.Level {
            switch self {
            case .credit, .unidentified: .info
            case .link, .access, .connection, .login, .message, .transaction, .drop, .rejected, .deliveryLimit,
                .presettled, .oversize:
                .warning
            }
        }
    }

    private struct Silence {
        /// When the silence ends, by the queues' clock.
        var end: Int64
        /// How many lines were not written.
        var count = 0
    }

    private static let interval: Int64 = 10_000

    private let silences = Mutex<[Kind: Silence]>([:])
    private let clock: QueueClock
    private let logger: Logger

    init(_ clock: QueueClock, logger: Logger = Logger(label: "proton.broker")) {
        (self.clock, self.logger) = (clock, logger)
    }

    /// Reports that a limit was reached.
    /// - Parameters:
    ///   - reason: which limit.
    ///   - address: the address of the queue or link; it is escaped here, since a peer may have sent it.
    ///   - peer: the address of the peer that caused it.
    ///   - count: how many times at once.
    func note(
        _ kind: Kind, _ reason: @autoclosure () -> String, address: @autoclosure () -> String?,
        peer: @autoclosure () -> String? = nil, count: Int = 1
    ) {
        guard let silent = beginSilence(kind, count) else { return }
        var metadata: Logger.Metadata = [:]
        if let address = address() { metadata["address"] = "\(address.escapedForLog)" }
        if let peer = peer() { metadata["peer"] = "\(peer.escapedForLog)" }
        if silent > 0 { metadata["alike"] = "\(silent)" }
        logger.log(level: kind.level, "\(kind.rawValue): \(reason())", metadata: metadata)
    }

    /// - Returns: how many lines of a kind were omitted since the last one; nil if this one is omitted too.
    private func beginSilence(_ kind: Kind, _ count: Int) -> Int? {
        let now = clock.now
        return silences.withLock { silences in
            if let silence = silences[kind], now < silence.end {
                silences[kind]?.count += count
                return nil
            }
            let silent = silences.updateValue(Silence(end: now + LimitLog.interval), forKey: kind)?.count ?? 0
            return silent + count - 1
        }
    }
}

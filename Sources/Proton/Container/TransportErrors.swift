// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Logging
import ProtonEngine

extension Connection {
    /// The error that ended the transport, with advice; nil if there is none.
    var transportError: ProtonError? {
        guard let condition = context?.reconnection?.lookupFailure ?? transport?.condition else { return nil }
        // The peer has closed the connection, and it is made again.
        if condition == remoteCondition { return closeError }
        if let failure = tlsFailure { return ProtonError(failure, of: peerDescription, condition) }
        if let error = loginError(of: peerDescription, condition) { return error }
        return ProtonError(transport: condition, to: peerDescription, wasOpen: isRemoteOpened)
    }

    /// The peer's close of the connection, as an error.
    private var closeError: ProtonError { closeError(.connectionError, "closed the connection", of: self) }

    /// Whether a close with an error condition by the peer counts as the loss of the transport.
    ///
    /// The close of a broker that forces connections to close always does, as in Python; others do if the connection is then made
    /// again.
    var treatsCloseAsLoss: Bool {
        guard isLocalOpen else { return false }
        if remoteCondition?.name == .connectionForced { return true }
        guard let context, let options = context.reconnection?.options, !context.loop.isStopping else { return false }
        return options.reconnect != nil && options.reconnectPolicy.triesAgain(after: closeError)
    }

    /// The peer's name in messages: the host and port that the program used, or the peer's address.
    var peerDescription: String {
        context?.reconnection?.url.hostAndPort ?? transport?.remoteAddress ?? "the peer"
    }

    /// Whether the connection is made again after its transport has just ended.
    var isTriedAgain: Bool {
        guard let context, let reconnection = context.reconnection, isLocalOpen, !context.loop.isStopping else {
            return false
        }
        return if case .anotherTry = reconnection.prospect(after: context.loss(of: self), at: context.loop.now) {
            true
        } else {
            false
        }
    }

    /// Handles an error that no handler of the program handles.
    ///
    /// If the program opened the connection, `run()` throws the error; if a peer opened it, the error is logged, since a peer
    /// must not end a server. While the container stops, errors are ignored.
    func failUnhandled(_ error: ProtonError) throws {
        guard let context, !context.loop.isStopping else { return }
        if !isIncoming { throw error }
        context.core.logger.warning("\(error.message)", metadata: ["peer": "\(peerDescription)"])
    }

    /// Handles the loss of a transport in the same way; `run()` throws it only if the connection is not made again.
    func failUnhandledLoss(_ error: ProtonError) throws {
        guard let context, let reconnection = context.reconnection, isLocalOpen, !context.loop.isStopping else {
            return try failUnhandled(error)
        }
        switch reconnection.prospect(after: context.loss(of: self), at: context.loop.now) {
        case .end: try failUnhandled(error)
        // `onReconnectFailed` reports the same error.
        case .givingUp: break
        case .anotherTry:
            // One warning per outage: later attempts mostly fail for the same reason.
            let level: Logger.Level = reconnection.isFailing && !isRemoteOpened ? .debug : .warning
            context.core.logger.log(level: level, "\(error.message) Trying again.")
        }
    }

    /// Handles a peer's error on an endpoint in the same way, and closes the connection.
    func closeUnhandled(_ error: ProtonError) throws {
        close()
        try failUnhandled(error)
    }

    /// Creates the error for a peer's action on an endpoint, with the condition of the peer.
    func closeError(_ code: ProtonError.Code, _ what: String, of endpoint: some Endpoint) -> ProtonError {
        if endpoint.remoteCondition == nil, let condition = endpoint.condition {
            let title = (endpoint as? Link)?.title ?? "connection"
            let limits: [Symbol] = [.resourceLimitExceeded, .transferLimitExceeded, .messageSizeExceeded]
            return ProtonError(
                limits.contains(condition.name) ? .limitExceeded : .protocolViolation,
                "\(peerDescription): the \(title) is closed here: \(condition.text)",
                condition: condition)
        }
        let condition = endpoint.remoteCondition
        let reason = condition?.text ?? "no reason was given"
        return ProtonError(code, "\(peerDescription) \(what): \(reason)", condition: condition)
    }
}

extension ProtonError {
    /// Creates the error for a transport's condition, on a connection to `peer`.
    /// - Parameter wasOpen: whether the peer had opened the connection.
    init(transport condition: Condition, to peer: String, wasOpen: Bool = false) {
        let text = condition.description ?? condition.name.description
        if let header = ProtocolHeader(quotedIn: text) {
            let advice =
                switch header.layer {
                case .tls: "connect to its port without TLS"
                case .sasl: "leave usesSASL of ConnectionOptions true"
                case .other: "connect to a port that speaks AMQP 1.0"
                }
            self.init(
                .protocolMismatch, "\(peer) speaks \(header), and this program AMQP 1.0.0: \(advice).",
                condition: condition)
            return
        }
        switch condition.name {
        case .tlsFailed: self.init(.tlsFailed, text, condition: condition)
        case "proton:io":
            if wasOpen || ["Connection reset", "Broken pipe"].contains(where: text.hasPrefix)
                || text.contains(" - on read") || text.contains("connection aborted")
            {
                self.init(lostConnectionTo: peer, condition)
            } else {
                // The system's reason, without proton's note on the place of the error.
                let reason = text.firstRange(of: " - ").map { String(text[..<$0.lowerBound]) } ?? text
                self.init(.connectFailed, "Cannot connect to \(peer): \(reason).", condition: condition)
            }
        case .unauthorizedAccess where text.contains("[mech=none]"):
            self.init(
                .authenticationFailed,
                "\(peer) offers no SASL mechanism that this program may use: it offers none.", condition: condition)
        case .unauthorizedAccess:
            self.init(
                .authenticationFailed, "\(peer) refused the log-in: \(text). Check user, password and mechanisms.",
                condition: condition)
        case .resourceLimitExceeded where text.contains("local-idle-timeout"):
            self.init(
                .timedOut, "\(peer) has said nothing for longer than the idle time-out: the connection is given up.",
                condition: condition)
        case .resourceLimitExceeded:
            self.init(.limitExceeded, "\(peer): \(text)", condition: condition)
        case .connectionForced:
            self.init(.disconnected, "\(peer) closed the connection: \(text)", condition: condition)
        case .handshakeTimeout, .closeTimeout:
            self.init(.timedOut, "\(peer): \(text)", condition: condition)
        case .framingError where text.contains("connection aborted"):
            self.init(lostConnectionTo: peer, condition)
        default:
            self.init(.protocolViolation, "\(peer): \(condition.name): \(text)", condition: condition)
        }
    }
}

extension ProtonError {
    private init(lostConnectionTo peer: String, _ condition: Condition) {
        self.init(.disconnected, "\(peer) went away without closing the connection.", condition: condition)
    }
}

extension Symbol {
    /// The condition of a connection whose peer took too long to open it.
    static let handshakeTimeout: Symbol = "proton:handshake-timeout"
    /// The condition of a connection whose TLS failed.
    static let tlsFailed: Symbol = "proton:tls-failed"
}

/// The first eight bytes of another protocol, or of another version of AMQP (AMQP 1.0, 2.2).
struct ProtocolHeader: CustomStringConvertible {
    let bytes: [UInt8]

    /// Parses the bytes that proton quotes for an unknown header: `… header mismatch: …['AMQP\x00…']`, or `Expected SASL protocol
    /// header got: …['AMQP\x00…']`.
    init?(quotedIn text: String) {
        guard text.contains("header mismatch") || text.contains("protocol header got"),
            let start = text.range(of: "['"), let end = text.range(of: "']", after: start.upperBound)
        else { return nil }
        bytes = ProtocolHeader.unquoted(text[start.upperBound..<end.lowerBound])
    }

    /// The layer of a peer that expects another one than this side has.
    enum Layer {
        /// A record of TLS (RFC 8446, 5.1): most likely an alert.
        case tls
        /// SASL of this version of AMQP (AMQP 1.0, 5.3.1).
        case sasl
        case other
    }

    var layer: Layer {
        if bytes.count >= 2, (0x14...0x17).contains(bytes[0]), bytes[1] == 3 { return .tls }
        return bytes.starts(with: Array("AMQP".utf8) + [3, 1, 0, 0]) ? .sasl : .other
    }

    var description: String {
        if case .tls = layer { return "TLS" }
        guard bytes.starts(with: Array("AMQP".utf8)), bytes.count >= 8 else {
            return bytes.isEmpty ? "another protocol" : "another protocol (it sent \"\(printable)\")"
        }
        // Before 1.0 the fifth byte was part of the version, or 1; since then it is the protocol's id.
        let version = bytes[5...7].map(String.init).joined(separator: ".")
        return switch bytes[4] {
        case 2: "AMQP \(version) over TLS"
        case 3: "AMQP \(version) with SASL"
        default: "AMQP \(version)"
        }
    }

    private var printable: String {
        String(decoding: bytes.prefix(16).map { (32..<127).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }

    /// Undoes proton's quoting: `\x` and two hexadecimal digits for what is not printable.
    private static func unquoted(_ text: Substring) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let first = rest.first {
            if first == UInt8(ascii: "\\"), rest.dropFirst().first == UInt8(ascii: "x"), rest.count >= 4,
                let byte = UInt8(Substring(rest.dropFirst(2).prefix(2)), radix: 16)
            {
                bytes.append(byte)
                rest = rest.dropFirst(4)
            } else {
                bytes.append(first)
                rest = rest.dropFirst()
            }
        }
        return bytes
    }
}

extension String {
    /// The range of the first occurrence of a text, without Foundation.
    fileprivate func range(of text: String, after start: String.Index? = nil) -> Range<String.Index>? {
        self[(start ?? startIndex)...].firstRange(of: text)
    }
}

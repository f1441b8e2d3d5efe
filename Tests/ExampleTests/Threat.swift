// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting

/// Something that a hostile peer does, and what has to come of it.
struct Threat: Sendable {
    /// What the peer does, one step after the other.
    enum Step: Sendable {
        /// Sends bytes.
        case send([UInt8])
        /// Reads frames until one of this kind comes.
        case await(Frame.Kind)
        /// Sends no more, and closes its socket.
        case leave
    }

    /// What has to come of it.
    enum End: Sendable {
        /// The connection is closed with one of these conditions, where any is given, and the socket is closed.
        case ends([Symbol], within: Duration)
        /// A frame of this kind has this condition, and the connection may live.
        case refuses(Frame.Kind, Symbol)
        /// Nothing has to: the connection may live.
        case lives
    }

    let name: String
    /// What is sent, in words.
    let sent: String
    let steps: [Step]
    let end: End

    init(_ name: String, _ sent: String, _ steps: [Step], _ end: End) {
        (self.name, self.sent, self.steps, self.end) = (name, sent, steps, end)
    }

    /// One packet behind a session, after SASL as honest clients do it.
    static func session(_ name: String, _ sent: String, _ frames: [Frame], _ end: End) -> Threat {
        Threat(name, sent, opened + [.send(bytes(.begin())), .await(.begin), .send(bytes(frames))], end)
    }

    /// One packet behind an open.
    static func open(_ name: String, _ sent: String, _ packet: [UInt8], _ end: End) -> Threat {
        Threat(name, sent, opened + [.send(packet)], end)
    }

    /// One packet on a link that sends, once there is credit.
    static func sender(_ name: String, _ sent: String, _ frames: [Frame], _ end: End) -> Threat {
        let attach = bytes(.begin(), .attach(sendingTo: "threat", name: "out"))
        return Threat(name, sent, opened + [.send(attach), .await(.flow), .send(bytes(frames))], end)
    }

    /// SASL ANONYMOUS, the header and the open.
    static let opened: [Step] = [
        .send(bytes(.saslHeader, .saslInit("ANONYMOUS", response: [0x78]))), .await(.saslOutcome),
        .send(bytes(.amqpHeader, .open("threat"))), .await(.open),
    ]

    static func bytes(_ frames: Frame...) -> [UInt8] { bytes(frames) }

    static func bytes(_ frames: [Frame]) -> [UInt8] { frames.flatMap { (try? $0.encoded()) ?? [] } }

    /// Within how long a peer that breaks a rule is gone.
    static let atOnce = Duration.seconds(2)

    /// The connection is closed at once with one of some conditions.
    static func ends(_ conditions: Symbol...) -> End { .ends(conditions, within: atOnce) }
}

/// What came of a threat.
struct ThreatOutcome {
    /// The frames that say why, such as `close amqp:decode-error`.
    var answer: [String] = []
    /// Whether the socket was closed, and after which time.
    var ended: Duration?
    /// Errors that were told, by the frame that had them.
    var conditions: [(Frame.Kind, Symbol)] = []
}

extension Threat {
    /// Plays the threat against a port.
    func play(_ port: Int) throws -> ThreatOutcome {
        let limit: Duration = if case .ends(_, let limit) = end { limit } else { .milliseconds(300) }
        let peer = try ScriptedPeer(connectingTo: port, limit: limit + .seconds(1))
        defer { peer.close() }
        var outcome = ThreatOutcome()
        var start = ContinuousClock.now
        for step in steps {
            start = .now
            switch step {
            // A peer that is refused before it has sent everything cannot send the rest.
            case .send(let bytes): try? peer.send(bytes: bytes)
            case .await(let kind):
                while let frame = try? peer.receive(), frame.kind != kind { outcome.note(frame) }
            case .leave: return outcome
            }
        }
        if case .lives = end { return outcome }
        while true {
            do {
                outcome.note(try peer.receive())
                if case .refuses(let kind, let name) = end, outcome.conditions.contains(where: { $0 == (kind, name) }) {
                    return outcome
                }
            } catch {
                // The socket's end, or its error, or nothing until the bound.
                let time = ContinuousClock.now - start
                if time < limit + .milliseconds(900) { outcome.ended = time }
                return outcome
            }
        }
    }

    /// What is wrong with an outcome; nil where nothing is.
    func complaint(_ outcome: ThreatOutcome) -> String? {
        switch end {
        case .lives: return nil
        case .refuses(let kind, let name):
            return outcome.conditions.contains { $0 == (kind, name) } ? nil : "no \(kind.rawValue) with \(name)"
        case .ends(let names, let limit):
            guard let time = outcome.ended else { return "the socket is open after \(limit)" }
            guard time <= limit else { return "the socket was closed after \(time)" }
            let told = outcome.conditions.contains { names.contains($0.1) }
            return names.isEmpty || told ? nil : "none of \(names) was told"
        }
    }
}

extension ThreatOutcome {
    fileprivate mutating func note(_ frame: Frame) {
        switch frame.kind {
        case .saslOutcome where frame["code"] != 0: answer.append("SASL code \(frame["code"].intValue ?? -1)")
        case .close, .end, .detach:
            guard let condition = frame.condition else { return }
            conditions.append((frame.kind, condition.name))
            answer.append("\(frame.kind.rawValue) \(condition.name)")
        default: return
        }
    }

    /// In a few words.
    var text: String {
        let end = ended.map { "closed in \(($0 / .milliseconds(1)).rounded()) ms" }
        let words = answer.prefix(2) + (end.map { [$0] } ?? [])
        return words.isEmpty ? "served on" : words.joined(separator: ", ")
    }
}

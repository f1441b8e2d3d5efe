// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What went otherwise than a script says: what it expected, and what came.
public struct ScriptFailure: Error, Sendable, CustomStringConvertible {
    /// What came in place of what was expected.
    enum Event: Sendable {
        case frame(Frame)
        case bytes(String)
        /// The other side has closed its socket, or it was reset.
        case end
        case nothing(within: Duration)
    }

    /// What the script expected.
    public let expected: String
    let event: Event
    /// What came before.
    let history: [Frame.Kind]

    /// What came, or that nothing did.
    public var received: String {
        switch event {
        case .frame(let frame): "\(frame)"
        case .bytes(let text): text
        case .end: "the end of the connection"
        case .nothing(let limit): "nothing within \(limit)"
        }
    }

    /// Both in a few lines, with the kinds of the last frames that came before.
    public var description: String {
        let before = history.isEmpty ? "" : "\nafter:    \(history.map(\.rawValue).joined(separator: ", "))"
        return "The script and its peer differ.\nexpected: \(expected)\nreceived: \(received)\(before)"
    }

    /// Whether the other side said something, and so is the one to look at.
    var isMismatch: Bool {
        switch event {
        case .frame, .bytes: true
        case .end, .nothing: false
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The error when a peer does not do what a script expects: the expectation, and the frame or event that occurred instead.
public struct ScriptFailure: Error, Sendable, CustomStringConvertible {
    /// The event that occurred instead of the expected one.
    enum Event: Sendable {
        case frame(Frame)
        case bytes(String)
        /// The other side has closed or reset its socket.
        case end
        case nothing(within: Duration)
    }

    /// The expectation of the script.
    public let expected: String
    let event: Event
    /// The kinds of the frames that arrived before.
    let history: [Frame.Kind]

    /// The frame or event that occurred.
    public var received: String {
        switch event {
        case .frame(let frame): "\(frame)"
        case .bytes(let text): text
        case .end: "the end of the connection"
        case .nothing(let limit): "nothing within \(limit)"
        }
    }

    /// The expectation and the event, with the kinds of the last frames before it.
    public var description: String {
        let before = history.isEmpty ? "" : "\nafter:    \(history.map(\.rawValue).joined(separator: ", "))"
        return "The script and its peer differ.\nexpected: \(expected)\nreceived: \(received)\(before)"
    }

    /// Whether the other side sent something unexpected, so that it is the cause.
    var isMismatch: Bool {
        switch event {
        case .frame, .bytes: true
        case .end, .nothing: false
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import Proton

/// What became of the messages of a command.
package struct SendTally: Sendable, Equatable {
    package private(set) var accepted = 0
    package private(set) var rejected = 0
    package private(set) var released = 0
    package private(set) var modified = 0
    /// Sent, and nothing was heard of them.
    package private(set) var inDoubt = 0
    package private(set) var notSent = 0
    /// Why the first that was not accepted was not.
    package private(set) var reason: String?
    private var exit: ToolExit?

    package init() {}

    package mutating func add(_ outcome: Outcome) {
        switch outcome {
        case .accepted: accepted += 1
        case .rejected(let condition):
            rejected += 1
            note(.refused, condition.map { "\($0.name)\($0.description.map { ": \($0)" } ?? "")" })
        case .released:
            released += 1
            note(.refused, nil)
        case .modified:
            modified += 1
            note(.refused, nil)
        }
    }

    /// Counts a message that has no outcome.
    package mutating func add(_ error: any Error) {
        if case AMQPSendError.inDoubt = error { inDoubt += 1 } else { notSent += 1 }
        let failure = ToolError(error)
        note(failure?.exit ?? .failure, failure?.message)
    }

    /// Notes why nothing more is waited for.
    package mutating func giveUp(_ error: any Error) {
        let failure = ToolError(error)
        note(failure?.exit ?? .failure, failure?.message)
    }

    private mutating func note(_ exit: ToolExit, _ reason: String?) {
        self.exit = self.exit ?? exit
        self.reason = self.reason ?? reason
    }

    /// All in one line: `3 accepted, 1 rejected`.
    package var summary: String {
        let counts = [
            (accepted, "accepted"), (rejected, "rejected"), (released, "released"), (modified, "modified"),
            (inDoubt, "in doubt"), (notSent, "not sent"),
        ]
        let parts = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return parts.isEmpty ? "0 accepted" : parts.joined(separator: ", ")
    }

    /// What the command ends with; nil where all were accepted.
    package var failure: ToolError? {
        exit.map { ToolError($0, "\(summary)\(reason.map { ": \($0)" } ?? ".")") }
    }
}

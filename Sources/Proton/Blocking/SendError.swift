// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP

/// A message was sent, and its outcome is one that `BlockingSender.send` was to fail on.
public struct SendError: Error, Sendable, CustomStringConvertible {
    /// What the peer made of the message.
    public let outcome: Outcome

    /// Creates the error.
    public init(_ outcome: Outcome) {
        self.outcome = outcome
    }

    /// What happened, for a person.
    public var description: String {
        switch outcome {
        case .accepted: "The message was accepted."
        case .rejected(let condition?):
            "The message was rejected: \(condition.text)"
        case .rejected(nil): "The message was rejected; the peer gave no reason."
        case .released: "The message was released: the peer did not take it, and it can be sent again."
        case .modified: "The message came back modified: the peer could not process it."
        }
    }
}

/// Which outcomes are errors to `BlockingSender.send`.
public struct OutcomeKinds: OptionSet, Sendable, Hashable {
    /// The bits.
    public let rawValue: UInt8

    /// Creates a set from its bits.
    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The message is invalid.
    public static let rejected = OutcomeKinds(rawValue: 1)
    /// The message was not processed, and can be sent again.
    public static let released = OutcomeKinds(rawValue: 2)
    /// As released, after a try that failed, or with changes.
    public static let modified = OutcomeKinds(rawValue: 4)

    /// Whether an outcome is one of these.
    func contains(_ outcome: Outcome) -> Bool {
        switch outcome {
        case .accepted: false
        case .rejected: contains(OutcomeKinds.rejected)
        case .released: contains(OutcomeKinds.released)
        case .modified: contains(OutcomeKinds.modified)
        }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP

/// The error of a message that was sent, and had an outcome that `BlockingSender.send` reports as an error.
public struct SendError: Error, Sendable, CustomStringConvertible {
    /// The outcome of the message.
    public let outcome: Outcome

    /// Creates the error.
    public init(_ outcome: Outcome) {
        self.outcome = outcome
    }

    /// A description of what happened, for people.
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

/// The outcomes that `BlockingSender.send` throws as errors.
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
    /// As released, after a failed delivery, or with changes.
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

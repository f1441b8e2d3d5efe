// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// Why a message was not accepted, by what the program may do next; all functions that send throw it.
public enum AMQPSendError: Error, Sendable, CustomStringConvertible {
    /// The message was not sent: it can be sent again without a duplicate.
    ///
    /// The error is the reason: a `ProtonError`, a `CodecError`, or a `CancellationError` if the task was cancelled.
    case notSent(any Error)
    /// The message was sent, and no outcome arrived: if it is sent again, it may arrive twice.
    ///
    /// The error is the reason for the missing outcome, as for `notSent`.
    case inDoubt(any Error)
    /// The peer did not accept the message: it rejected, released or modified it (AMQP 1.0, 3.4).
    case refused(Outcome)

    /// A description of what happened, for people.
    public var description: String {
        switch self {
        case .notSent(let cause): "The message was not sent: \(AMQPSendError.text(cause))"
        case .inDoubt(let cause):
            "The message was sent, and what became of it is in doubt: \(AMQPSendError.text(cause))"
        case .refused(let outcome): SendError(outcome).description
        }
    }

    private static func text(_ cause: any Error) -> String {
        if cause is CancellationError { return "its task was cancelled." }
        let text = (cause as? ProtonError)?.message ?? "\(cause)"
        return text.hasSuffix(".") ? text : "\(text)."
    }
}

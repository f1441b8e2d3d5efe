// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// Why a message was not accepted, by what a program may do next: whatever sends throws this.
public enum AMQPSendError: Error, Sendable, CustomStringConvertible {
    /// The message was not sent: it can be sent again, and arrives once.
    ///
    /// The error is what kept it: a `ProtonError`, a `CodecError`, or a `CancellationError` where its task was cancelled.
    case notSent(any Error)
    /// The message was sent, and its outcome did not come: sent again, it may arrive twice.
    ///
    /// The error is what kept the outcome from coming, as of `notSent`.
    case inDoubt(any Error)
    /// The peer has decided not to take the message: it rejected, released or modified it (AMQP 1.0, 3.4).
    case refused(Outcome)

    /// What happened, for a person.
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

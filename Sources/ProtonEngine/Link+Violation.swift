// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// Detects violations of rules and limits on a link that proton does not detect.
extension Link {
    /// A violation by a delivery.
    enum Violation {
        /// The peer sent more messages than it had credit for.
        case credit
        /// The peer sent a message that is too large.
        case messageSize
    }

    /// The violation by a delivery that has an event; nil if there is none.
    @inline(__always)
    func violation(by delivery: OpaquePointer, on link: OpaquePointer) -> Violation? {
        // Proton subtracts a message from the credit only when it is read, and counts it as queued until then. Both are plain
        // counts, so the wrap-around of the delivery-count does not matter.
        if pn_link_remote_credit(link) < 0, !((self as? Receiver)?.forgivesExcess() ?? false) { return .credit }
        return parts.count + pn_delivery_pending(delivery) > messageSizeLimit ? .messageSize : nil
    }

    /// Sets an outcome for the delivery, and closes the link.
    ///
    /// A message that is too large is rejected, so that it is not delivered again to the next receiver.
    func refuse(_ pointer: OpaquePointer, for violation: Violation) {
        takePartial()
        let delivery = Delivery(known: pointer, of: self) ?? Delivery(arrived: pointer, on: self)
        switch violation {
        case .credit:
            delivery.settleAtOnce(.released)
            fail(Condition(.transferLimitExceeded, "More messages were sent than there was credit for."))
        case .messageSize:
            let condition = Condition(.messageSizeExceeded, "A message is larger than \(messageSizeLimit) bytes.")
            delivery.settleAtOnce(.rejected(condition))
            fail(condition)
        }
    }

    /// Closes the link because its peer broke a rule or exceeded a limit; the program receives the event after that of the
    /// closing.
    func fail(_ condition: Condition) {
        guard !isLocalClosed else { return }
        isFailing = true
        close(condition)
    }

    /// Copies the condition `amqp:link:stolen` of the peer's detach to this side's detach (AMQP 1.0, 2.6.1).
    func copyStolenCondition() {
        guard connection.isIncoming, !isLocalClosed, let pointer, let condition = pn_link_condition(pointer),
            !pn_condition_is_set(condition), remoteCondition?.name == .linkStolen
        else { return }
        Condition.set(Condition(.linkStolen, "The link is attached anew, on the same session."), in: condition)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// What a peer does on a link that breaks a rule or passes a limit of this side, and that proton lets pass.
extension Link {
    /// What a peer did wrong with a delivery.
    enum Violation {
        /// It sent more messages than it had credit for.
        case credit
        /// It sent a message that is too large.
        case messageSize
    }

    /// What a peer did wrong with a delivery that has an event.
    @inline(__always)
    func violation(by delivery: OpaquePointer, on link: OpaquePointer) -> Violation? {
        // Proton takes a message off the credit only when it is read: until then it is counted as queued. Both are plain
        // counts, which the delivery-count's wrap does not touch.
        if pn_link_remote_credit(link) < 0, !((self as? Receiver)?.forgivesExcess() ?? false) { return .credit }
        return parts.count + pn_delivery_pending(delivery) > messageSizeLimit ? .messageSize : nil
    }

    /// Gives the delivery an outcome, and closes the link.
    ///
    /// A message that is too large is rejected, so that it does not come again to whoever attaches next.
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

    /// Closes the link since its peer broke a rule or a limit; the program is told when the closing is.
    func fail(_ condition: Condition) {
        guard !isLocalClosed else { return }
        isFailing = true
        close(condition)
    }

    /// The link may have been detached since its peer has attached another one of its name (AMQP 1.0, 2.6.1): this side's
    /// detach says so too, whoever sends it.
    func noteTheft() {
        guard connection.isIncoming, !isLocalClosed, let pointer, let condition = pn_link_condition(pointer),
            !pn_condition_is_set(condition), remoteCondition?.name == .linkStolen
        else { return }
        Condition.set(Condition(.linkStolen, "The link is attached anew, on the same session."), in: condition)
    }
}

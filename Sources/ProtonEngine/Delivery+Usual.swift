// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// The operations that most messages need, each with a single lookup in the table of deliveries.
extension Delivery {
    // MARK: Received

    /// What to do with a complete received message.
    package enum Whole {
        /// The event has another meaning, which `arrival` returns.
        case none
        /// This side has closed the link, so the message is not wanted any more.
        case unwanted
        case message(Message)
    }

    /// Takes the message of a delivery that arrived complete in one frame, as most do, with a single lookup.
    /// - Throws: `InvalidMessage` if the bytes are not a valid message; they are taken nevertheless.
    package func takeWhole() throws(InvalidMessage) -> Whole {
        guard let pointer = wholeMessage else { return .none }
        if link.isLocalClosed { return .unwanted }
        return .message(try link.takeMessage(pointer))
    }

    /// Takes the encoded message of a delivery that arrived complete in one frame, with a single lookup.
    /// - Returns: nil if the event has another meaning, which `arrival` returns.
    package func takeWholeBytes() -> [UInt8]? { wholeMessage.map { link.takeBytes($0) } }

    /// Proton's delivery, if it has a complete message of which nothing was read.
    @inline(__always)
    private var wholeMessage: OpaquePointer? {
        guard let pointer, link.isReceiver, pn_delivery_readable(pointer), !pn_delivery_partial(pointer),
            !pn_delivery_aborted(pointer), !link.hasParts
        else { return nil }
        return pointer
    }

    /// Accepts and settles, if the program has set no state and has not settled.
    package func acceptIfUndecided() {
        guard let token, let pointer, pn_delivery_local_state(pointer) == 0 else { return }
        if !pn_delivery_settled(pointer) {
            pn_delivery_update(pointer, UInt64(PN_ACCEPTED))
            if link.settlesSecond { return }
        }
        link.deliveries.remove(token)
        link.settleReceived(pointer)
    }

    /// Accepts and settles a message that was completely read, if the program has set no state and has not settled.
    package func acceptTakenWhereUndecided() {
        guard let token, let pointer, pn_delivery_local_state(pointer) == 0 else { return }
        if !pn_delivery_settled(pointer) {
            pn_delivery_update(pointer, UInt64(PN_ACCEPTED))
            if link.settlesSecond { return }
        }
        settleTaken(pointer, token)
    }

    /// Accepts and settles a message that was completely read, in either receiver settle mode.
    package func acceptTakenAtOnce() {
        guard let token, let pointer else { return }
        pn_delivery_update(pointer, UInt64(PN_ACCEPTED))
        settleTaken(pointer, token)
    }

    /// Settles a delivery that is not the link's current one any more, so that no mark for skipping it is needed.
    @inline(__always)
    private func settleTaken(_ pointer: OpaquePointer, _ token: DeliveryTable.Token) {
        link.deliveries.remove(token)
        pn_delivery_settle(pointer)
    }

    // MARK: Sent

    /// What an event means for a sent message that was accepted, which is the usual case.
    package enum Acceptance {
        /// The event has another meaning.
        case none
        /// The peer has accepted.
        case accepted
        /// The peer has accepted and settled.
        case settled
    }

    /// Whether an event is the first to report that the peer has accepted a sent message, with a single lookup.
    package var newAcceptance: Acceptance {
        guard let token, let pointer, pn_delivery_remote_state(pointer) == UInt64(PN_ACCEPTED),
            pn_delivery_updated(pointer), !link.deliveries.wasReported(UInt64(PN_ACCEPTED), of: token)
        else { return .none }
        return pn_delivery_settled(pointer) ? .settled : .accepted
    }

    /// Settles a sent message if the peer has settled it, or if the peer settles after this side.
    package func settleAfterReceiver() {
        guard link.isSender, let token, let pointer else { return }
        guard pn_delivery_settled(pointer) || isSettledFirstHere else { return }
        link.deliveries.remove(token)
        pn_delivery_settle(pointer)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// What most messages need: each by one look at the table of deliveries.
extension Delivery {
    // MARK: What came in

    /// What a whole message that has come is to be done with.
    package enum Whole {
        /// The event is about something else: `arrival` says what.
        case none
        /// This side has closed the link: nobody takes the message any more.
        case unwanted
        case message(Message)
    }

    /// Takes the message of a delivery that has come whole, in one frame, as most do, by one look.
    /// - Throws: `InvalidMessage` where what came is not a valid message; it is taken all the same.
    package func takeWhole() throws(InvalidMessage) -> Whole {
        guard let pointer = wholeMessage else { return .none }
        if link.isLocalClosed { return .unwanted }
        return .message(try link.takeMessage(pointer))
    }

    /// Takes the encoded message of a delivery that has come whole, in one frame, by one look; nil where the event is about
    /// something else: `arrival` says what.
    package func takeWholeBytes() -> [UInt8]? { wholeMessage.map { link.takeBytes($0) } }

    /// Proton's delivery, where a whole message has come with it of which nothing was read.
    @inline(__always)
    private var wholeMessage: OpaquePointer? {
        guard let pointer, link.isReceiver, pn_delivery_readable(pointer), !pn_delivery_partial(pointer),
            !pn_delivery_aborted(pointer), !link.hasParts
        else { return nil }
        return pointer
    }

    /// Accepts and settles, where the program has not said anything of the message and has not settled it.
    package func acceptWhereUndecided() {
        guard let token, let pointer, pn_delivery_local_state(pointer) == 0 else { return }
        if !pn_delivery_settled(pointer) {
            pn_delivery_update(pointer, UInt64(PN_ACCEPTED))
            if link.settlesSecond { return }
        }
        link.deliveries.remove(token)
        link.settleReceived(pointer)
    }

    /// Accepts and settles a message whose whole has been taken, where the program has not said anything of it and has not
    /// settled it.
    package func acceptTakenWhereUndecided() {
        guard let token, let pointer, pn_delivery_local_state(pointer) == 0 else { return }
        if !pn_delivery_settled(pointer) {
            pn_delivery_update(pointer, UInt64(PN_ACCEPTED))
            if link.settlesSecond { return }
        }
        settleTaken(pointer, token)
    }

    /// Accepts and settles a message whose whole has been taken, in whichever mode.
    package func acceptTakenAtOnce() {
        guard let token, let pointer else { return }
        pn_delivery_update(pointer, UInt64(PN_ACCEPTED))
        settleTaken(pointer, token)
    }

    /// Settles what is not the link's current delivery any more: no mark is needed that it is to be passed over.
    @inline(__always)
    private func settleTaken(_ pointer: OpaquePointer, _ token: DeliveryTable.Token) {
        link.deliveries.remove(token)
        pn_delivery_settle(pointer)
    }

    // MARK: What was sent

    /// What an event tells of a message that was sent, and has been accepted: of most, all there is to tell.
    package enum Acceptance {
        /// The event tells something else.
        case none
        /// The peer has accepted.
        case accepted
        /// The peer has accepted and settled.
        case settled
    }

    /// Whether an event tells for the first time that the peer has accepted a message that was sent, by one look.
    package var newAcceptance: Acceptance {
        guard let token, let pointer, pn_delivery_remote_state(pointer) == UInt64(PN_ACCEPTED),
            pn_delivery_updated(pointer), !link.deliveries.wasTold(UInt64(PN_ACCEPTED), of: token)
        else { return .none }
        return pn_delivery_settled(pointer) ? .settled : .accepted
    }

    /// Settles a message that was sent where the peer has settled it, or settles after this side.
    package func settleAfterReceiver() {
        guard link.isSender, let token, let pointer else { return }
        guard pn_delivery_settled(pointer) || isSettledFirstHere else { return }
        link.deliveries.remove(token)
        pn_delivery_settle(pointer)
    }
}

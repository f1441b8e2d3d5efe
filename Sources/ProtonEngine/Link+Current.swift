// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// The delivery of a receiver that is to be read next.
///
/// If the next delivery was already settled, out of order, proton 0.37 puts it on its work list, and an assertion fails when it
/// writes the next frames (`pn_full_settle`). So settled deliveries are skipped at once.
extension Link {
    /// Settles a delivery of a receiver.
    final func settleReceived(_ delivery: OpaquePointer) {
        guard let pointer else { return }
        if let current = pn_link_current(pointer), current != delivery {
            Delivery.markSettled(delivery)
            hasSettledAhead = true
        }
        pn_delivery_settle(delivery)
        passSettled(on: pointer)
    }

    /// Advances to the next delivery of a receiver.
    @inline(__always)
    final func goOn(on pointer: OpaquePointer) {
        pn_link_advance(pointer)
        passSettled(on: pointer)
    }

    @inline(__always)
    private final func passSettled(on pointer: OpaquePointer) {
        guard hasSettledAhead else { return }
        while let current = pn_link_current(pointer) {
            guard Delivery.isMarkedSettled(current) else { return }
            pn_link_advance(pointer)
        }
        // All settled deliveries are skipped: one of them would be the current one otherwise.
        hasSettledAhead = false
    }

    /// Settles the unread deliveries of a link that is about to be freed, in order.
    func settleUnread(on link: OpaquePointer) {
        guard isReceiver else { return }
        while let current = pn_link_current(link) {
            settleReceived(current)
            if pn_link_current(link) == current { goOn(on: link) }
            if pn_link_current(link) == current { return }
        }
    }
}

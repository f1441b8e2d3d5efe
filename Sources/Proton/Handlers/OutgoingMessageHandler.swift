// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// Translates credit, and updates of outgoing deliveries, into the callbacks of a `MessagingHandler`.
public final class OutgoingMessageHandler: ProtonHandler {
    public var adapters: HandlerAdapters { HandlerAdapters(settlement: self) }

    private let delegate: any MessagingHandler
    private let autoSettles: Bool

    /// Creates a handler that calls its delegate, which it keeps alive.
    public init(autoSettles: Bool = true, delegate: any MessagingHandler) {
        self.autoSettles = autoSettles
        self.delegate = delegate
    }

    public func onLinkFlow(_ event: LinkEvent) throws {
        guard let sender = event.link as? Sender, sender.isSendable else { return }
        try delegate.onSendable(SenderEvent(sender: sender))
    }

    public func onDelivery(_ event: DeliveryEvent) throws {
        let delivery = event.delivery
        switch delivery.newAcceptance {
        case .none: break
        case .accepted: return try delegate.onAccepted(event)
        case .settled:
            try delegate.onAccepted(event)
            return try delegate.onSettled(event)
        }
        guard delivery.link.isSender, let update = delivery.remoteUpdate() else { return }
        // A peer that settles after its outcome sends the outcome again.
        if update.isNew {
            switch update.state {
            case .outcome(.accepted): try delegate.onAccepted(event)
            case .outcome(.rejected): try delegate.onRejected(event)
            case .outcome(.released), .outcome(.modified): try delegate.onReleased(event)
            case nil: break
            default: try delegate.onDeliveryUpdated(event)
            }
        } else if update.state == nil, !update.isSettled {
            // A disposition arrived whose state proton does not pass on.
            try delegate.onDeliveryUpdated(event)
        }
        if update.isSettled { try delegate.onSettled(event) }
    }

    // The library calls the rest after all handlers: the next handler may send more, or look at the delivery.

    /// Calls the delegate when the receiver drains.
    func tellDrainStart(_ event: SenderEvent) throws { try delegate.onSenderDrainStart(event) }

    /// Settles a delivery that the peer has settled, or will settle after this side.
    func settle(_ delivery: Delivery) {
        if autoSettles { delivery.settleAfterReceiver() }
    }
}

extension Sender {
    /// Whether a message can be sent now.
    var isSendable: Bool { credit > 0 && state == .active }
}

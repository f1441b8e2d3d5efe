// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// Turns credit, and news of deliveries that went out, into the callbacks of a `MessagingHandler`.
public final class OutgoingMessageHandler: ProtonHandler {
    public var adapters: HandlerAdapters { HandlerAdapters(settlement: self) }

    private let delegate: any MessagingHandler
    private let autoSettles: Bool

    /// Creates a handler that makes the callbacks of its delegate, which it keeps alive.
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
        guard delivery.link.isSender, let news = delivery.news() else { return }
        // A peer that settles later than it gives an outcome gives that again.
        if news.isNew {
            switch news.state {
            case .outcome(.accepted): try delegate.onAccepted(event)
            case .outcome(.rejected): try delegate.onRejected(event)
            case .outcome(.released), .outcome(.modified): try delegate.onReleased(event)
            case nil: break
            default: try delegate.onDeliveryUpdated(event)
            }
        } else if news.state == nil, !news.isSettled {
            // Something was said that proton does not hand on.
            try delegate.onDeliveryUpdated(event)
        }
        if news.isSettled { try delegate.onSettled(event) }
    }

    // The library does the rest when all handlers have been told: the next one may send more, or look at the delivery.

    /// Tells the delegate that the receiver drains.
    func tellDrainStart(_ event: SenderEvent) throws { try delegate.onSenderDrainStart(event) }

    /// Settles a delivery that the peer has settled, or that it settles after this side.
    func settle(_ delivery: Delivery) {
        if autoSettles { delivery.settleAfterReceiver() }
    }
}

extension Sender {
    /// Whether a message can be sent now.
    var isSendable: Bool { credit > 0 && state == .active }
}

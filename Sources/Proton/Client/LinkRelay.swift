// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// What proton's events of a client's link go to: messages straight to the traffic, the rest by way of the callbacks of
/// opening and closing.
final class LinkRelay: ProtonHandler {
    let handlers: [any ProtonHandler]
    private let link: ClientLink

    init(_ link: ClientLink) {
        self.link = link
        handlers = [EndpointStateHandler(treatsPeerCloseAsError: !link.isAnswer, delegate: link)]
    }

    func onDelivery(_ event: DeliveryEvent) { link.arrived(event.delivery) }

    func onLinkFlow(_ event: LinkEvent) {
        link.flow(event.link)
        // What can be sent at once has been: the rest of the credit goes back (AMQP 1.0, 2.6.7).
        guard let sender = event.link as? Sender, sender.isDraining, sender.isSendable, sender.takeDrainStart() else {
            return
        }
        sender.drained()
    }

    /// The library closes a link itself, with a condition, where the peer has passed a limit.
    func onLinkLocalClose(_ event: LinkEvent) {
        if event.link.condition != nil { link.onLinkError(event) }
    }
    func onLinkFinal(_ event: LinkEvent) { link.onLinkFinal(event) }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// The handler of proton's events of a client's link: messages go directly to the traffic, the other events to the callbacks for
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
        // The messages that could be sent were sent: the remaining credit is returned (AMQP 1.0, 2.6.7).
        guard let sender = event.link as? Sender, sender.isDraining, sender.isSendable, sender.takeDrainStart() else {
            return
        }
        sender.drained()
    }

    /// The library closes a link itself, with a condition, if the peer has exceeded a limit.
    func onLinkLocalClose(_ event: LinkEvent) {
        if event.link.condition != nil { link.onLinkError(event) }
    }
    func onLinkFinal(_ event: LinkEvent) { link.onLinkFinal(event) }
}

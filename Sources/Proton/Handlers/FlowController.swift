import ProtonEngine

/// Keeps the credit of receivers topped up to a window: flow control that a program need not think of.
public final class FlowController: Handler {
    private let window: Int

    /// Creates a controller.
    /// - Parameter window: how many messages a peer may send ahead. Default 1,024.
    public init(_ window: Int = 1_024) {
        self.window = window
    }

    public func onLinkLocalOpen(_ event: LinkEvent) { topUp(event.link) }
    public func onLinkRemoteOpen(_ event: LinkEvent) { topUp(event.link) }
    public func onLinkFlow(_ event: LinkEvent) { topUp(event.link) }
    public func onDelivery(_ event: DeliveryEvent) { topUp(event.link) }

    /// Gives credit when half of the window is used: a flow frame for many messages rather than for each.
    private func topUp(_ link: Link) {
        guard link.isReceiver, link.credit <= window / 2, let receiver = link as? Receiver else { return }
        let credit = receiver.credit
        guard !receiver.isDraining, receiver.isLocalOpen else { return }
        receiver.flow(window - credit)
    }
}

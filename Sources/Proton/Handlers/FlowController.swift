import ProtonEngine

/// Keeps the credit of receivers topped up to a window: flow control that a program need not think of.
public final class FlowController: Handler {
    private let window: Int
    private let delegate: (any MessagingHandler)?

    /// Creates a controller.
    /// - Parameters:
    ///   - window: how many messages a peer may send ahead; 0 leaves credit to the program. Default 1,024.
    ///   - delegate: what is told of the ends of drains; kept alive.
    public init(_ window: Int = 1_024, delegate: (any MessagingHandler)? = nil) {
        self.window = window
        self.delegate = delegate
    }

    public func onLinkLocalOpen(_ event: LinkEvent) throws { try topUp(event.link) }
    public func onLinkRemoteOpen(_ event: LinkEvent) throws { try topUp(event.link) }
    public func onLinkFlow(_ event: LinkEvent) throws { try topUp(event.link) }
    public func onDelivery(_ event: DeliveryEvent) throws { try topUp(event.link) }

    /// Gives credit when half of the window is used: a flow frame for many messages rather than for each.
    private func topUp(_ link: Link) throws {
        guard link.isReceiver, link.credit <= window / 2, let receiver = link as? Receiver else { return }
        // A drain leaves no credit, and so comes by here when it ends.
        if receiver.takeDrainEnd() { try delegate?.onReceiverDrainFinish(ReceiverEvent(receiver: receiver)) }
        // The callback may drain again.
        guard !receiver.awaitsDrainEnd, receiver.isLocalOpen else { return }
        receiver.flow(window - receiver.credit)
    }
}

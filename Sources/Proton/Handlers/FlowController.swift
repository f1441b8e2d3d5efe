// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// Keeps the credit of receivers topped up to a window: flow control for programs that do not control it themselves.
public final class FlowController: ProtonHandler {
    public var adapters: HandlerAdapters { HandlerAdapters(flow: self) }

    private let window: Int
    private let delegate: (any MessagingHandler)?

    /// Creates a controller.
    /// - Parameters:
    ///   - window: how many messages a peer may send ahead; 0 leaves credit to the program. Default 1,024.
    ///   - delegate: the handler that is called when a drain ends; kept alive.
    public init(_ window: Int = 1_024, delegate: (any MessagingHandler)? = nil) {
        self.window = window
        self.delegate = delegate
    }

    public func onLinkLocalOpen(_ event: LinkEvent) throws { try topUp(event.link) }
    public func onLinkRemoteOpen(_ event: LinkEvent) throws { try topUp(event.link) }

    // When credit is used up or returned, the library calls `topUp`, after all handlers have received the event: the next handler
    // may drain, or may expect the end of a drain.

    /// Gives credit when half of the window is used: a flow frame for many messages rather than for each.
    /// - Throws: `ProtonError.Code.invalidArgument` for a window below 0.
    func topUp(_ link: Link) throws {
        guard link.isReceiver, link.credit <= window / 2, let receiver = link as? Receiver,
            !receiver.awaitsDrainEnd, receiver.isLocalOpen
        else { return }
        try validate()
        receiver.grant(window - receiver.credit)
    }

    /// - Throws: `ProtonError.Code.invalidArgument` for a window below 0.
    func validate() throws(ProtonError) {
        guard window < 0 else { return }
        throw ProtonError(
            .invalidArgument,
            "The prefetch of a handler is \(window): it must be at least 0, which leaves credit to the program.")
    }

    /// Calls the delegate when a drain has ended.
    func tellDrainEnd(_ event: ReceiverEvent) throws { try delegate?.onReceiverDrainFinish(event) }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A base class for message handlers whose subclasses handle messages too.
///
/// Use it if handlers form a hierarchy of classes: every callback can be overridden at each level, and with `override` the
/// compiler rejects a wrong name or type. Its defaults are those of `MessagingHandler`.
///
/// A single class is shorter with the protocol: `final class Receiver: MessagingHandler`. A class with subclasses must not
/// conform to the protocol itself: a callback that only the subclass implements is then a different method, and is never called.
/// A handler for several threads must be `Sendable`, so it conforms to the protocol: a class that can be subclassed is not
/// `Sendable`.
open class MessagingHandlerBase: MessagingHandler {
    private let givenOptions: HandlerOptions
    private let givenHandlers: [any ProtonHandler]

    /// What the library does for the handler: the argument of `init`, unless a subclass overrides it.
    ///
    /// Read once, when the handler is first used.
    open var options: HandlerOptions { givenOptions }
    /// Handlers that receive each event after this one, in order: the argument of `init`, unless a subclass overrides it.
    ///
    /// Read once, when the handler is first used.
    open var handlers: [any ProtonHandler] { givenHandlers }

    /// Creates a handler.
    /// - Parameters:
    ///   - options: what the library does for the handler.
    ///   - handlers: the handlers that receive each event after this one, in order.
    public init(_ options: HandlerOptions = HandlerOptions(), handlers: [any ProtonHandler] = []) {
        givenOptions = options
        givenHandlers = handlers
    }

    // MARK: MessagingHandler

    open func onStart(_ event: ContainerEvent) throws {}
    open func onConnectionOpening(_ event: ConnectionEvent) throws {}
    open func onSessionOpening(_ event: SessionEvent) throws {}
    open func onLinkOpening(_ event: LinkEvent) throws {}
    open func onConnectionOpened(_ event: ConnectionEvent) throws {}
    open func onSessionOpened(_ event: SessionEvent) throws {}
    open func onLinkOpened(_ event: LinkEvent) throws {}
    open func onConnectionClosing(_ event: ConnectionEvent) throws {}
    open func onSessionClosing(_ event: SessionEvent) throws {}
    open func onLinkClosing(_ event: LinkEvent) throws {}
    open func onConnectionClosed(_ event: ConnectionEvent) throws {}
    open func onSessionClosed(_ event: SessionEvent) throws {}
    open func onLinkClosed(_ event: LinkEvent) throws {}
    open func onConnectionError(_ event: ConnectionEvent) throws { try event.failUnhandled() }
    open func onSessionError(_ event: SessionEvent) throws { try event.failUnhandled() }
    open func onLinkError(_ event: LinkEvent) throws { try event.failUnhandled() }
    open func onLinkDetached(_ event: LinkEvent) throws {
        if event.isError(options) { try onLinkError(event) }
    }
    open func onDisconnected(_ event: TransportEvent) throws {}
    open func onReconnectFailed(_ event: TransportEvent) throws { try event.failUnhandledEndOfTries() }
    open func onSendable(_ event: SenderEvent) throws {}
    open func onSenderDrainStart(_ event: SenderEvent) throws {}
    open func onReceiverDrainFinish(_ event: ReceiverEvent) throws {}
    open func onAccepted(_ event: DeliveryEvent) throws {}
    open func onRejected(_ event: DeliveryEvent) throws {}
    open func onReleased(_ event: DeliveryEvent) throws {}
    open func onDeliveryUpdated(_ event: DeliveryEvent) throws {}
    open func onSettled(_ event: DeliveryEvent) throws {}
    open func onMessage(_ event: MessageEvent) throws {}
    open func onInvalidMessage(_ event: InvalidMessageEvent) throws { event.rejectUnhandled() }
    open func onAborted(_ event: DeliveryEvent) throws {}

    // MARK: ProtonHandler

    open func onReactorInit(_ event: ContainerEvent) throws {}
    open func onReactorFinal(_ event: ContainerEvent) throws {}
    open func onTimerTask(_ event: TimerEvent) throws {}
    open func onApplicationEvent(_ event: ApplicationEvent) throws {}
    open func onConnectionInit(_ event: ConnectionEvent) throws {}
    open func onConnectionBound(_ event: ConnectionEvent) throws {}
    open func onConnectionUnbound(_ event: ConnectionEvent) throws {}
    open func onConnectionLocalOpen(_ event: ConnectionEvent) throws {}
    open func onConnectionRemoteOpen(_ event: ConnectionEvent) throws {}
    open func onConnectionLocalClose(_ event: ConnectionEvent) throws {}
    open func onConnectionRemoteClose(_ event: ConnectionEvent) throws {}
    open func onConnectionFinal(_ event: ConnectionEvent) throws {}
    open func onSessionInit(_ event: SessionEvent) throws {}
    open func onSessionLocalOpen(_ event: SessionEvent) throws {}
    open func onSessionRemoteOpen(_ event: SessionEvent) throws {}
    open func onSessionLocalClose(_ event: SessionEvent) throws {}
    open func onSessionRemoteClose(_ event: SessionEvent) throws {}
    open func onSessionFinal(_ event: SessionEvent) throws {}
    open func onLinkInit(_ event: LinkEvent) throws {}
    open func onLinkLocalOpen(_ event: LinkEvent) throws {}
    open func onLinkRemoteOpen(_ event: LinkEvent) throws {}
    open func onLinkLocalClose(_ event: LinkEvent) throws {}
    open func onLinkRemoteClose(_ event: LinkEvent) throws {}
    open func onLinkLocalDetach(_ event: LinkEvent) throws {}
    open func onLinkRemoteDetach(_ event: LinkEvent) throws {}
    open func onLinkFlow(_ event: LinkEvent) throws {}
    open func onLinkFinal(_ event: LinkEvent) throws {}
    open func onDelivery(_ event: DeliveryEvent) throws {}
    open func onTransport(_ event: TransportEvent) throws {}
    open func onTransportAuthenticated(_ event: TransportEvent) throws {}
    open func onTransportError(_ event: TransportEvent) throws { try event.failUnhandledLoss() }
    open func onTransportHeadClosed(_ event: TransportEvent) throws {}
    open func onTransportTailClosed(_ event: TransportEvent) throws {}
    open func onTransportClosed(_ event: TransportEvent) throws {}
}

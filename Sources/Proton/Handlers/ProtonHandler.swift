// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// Receives the engine's own events, one by one, in order.
///
/// Every callback is a requirement with a default that does nothing: implement those you want, each exactly as it is declared
/// here (`onXxx(_ event: …)`), since a method with another label is another method. An error that a callback throws ends the
/// container's `run()`. Callbacks are made in the domain of the event's connection.
///
/// Most programs implement `MessagingHandler`, which adds callbacks about messages and their outcomes to these.
public protocol ProtonHandler: AnyObject {
    /// Handlers that receive each event after this one, in order; read once, when the handler is first used.
    var handlers: [any ProtonHandler] { get }
    /// What the library does for the handler; read once, when the handler is first used.
    ///
    /// Programs keep the default, which a `MessagingHandler` derives from its `options`.
    var adapters: HandlerAdapters { get }

    /// The loop starts; comes before `onStart`.
    func onReactorInit(_ event: ContainerEvent) throws
    /// The loop has ended.
    func onReactorFinal(_ event: ContainerEvent) throws
    /// A timer that was scheduled with this handler has fired.
    func onTimerTask(_ event: TimerEvent) throws
    /// An event of the program has arrived from an `EventInjector`; see `event.name`.
    func onApplicationEvent(_ event: ApplicationEvent) throws

    /// The connection was created.
    func onConnectionInit(_ event: ConnectionEvent) throws
    /// The connection got a transport.
    func onConnectionBound(_ event: ConnectionEvent) throws
    /// The connection lost its transport: after `onTransportClosed`, once for each `onConnectionBound`.
    func onConnectionUnbound(_ event: ConnectionEvent) throws
    /// This side has opened the connection.
    func onConnectionLocalOpen(_ event: ConnectionEvent) throws
    /// The peer has opened the connection.
    func onConnectionRemoteOpen(_ event: ConnectionEvent) throws
    /// This side has closed the connection.
    func onConnectionLocalClose(_ event: ConnectionEvent) throws
    /// The peer has closed the connection.
    func onConnectionRemoteClose(_ event: ConnectionEvent) throws
    /// The connection is about to be freed: its last event, also if it was open on neither side.
    func onConnectionFinal(_ event: ConnectionEvent) throws

    /// The session was created.
    func onSessionInit(_ event: SessionEvent) throws
    /// This side has opened the session.
    func onSessionLocalOpen(_ event: SessionEvent) throws
    /// The peer has opened the session.
    func onSessionRemoteOpen(_ event: SessionEvent) throws
    /// This side has closed the session.
    func onSessionLocalClose(_ event: SessionEvent) throws
    /// The peer has closed the session.
    func onSessionRemoteClose(_ event: SessionEvent) throws
    /// The session is about to be freed: both sides have closed it, or its connection has ended, or was made again without it.
    func onSessionFinal(_ event: SessionEvent) throws

    /// The link was created.
    func onLinkInit(_ event: LinkEvent) throws
    /// This side has opened the link.
    func onLinkLocalOpen(_ event: LinkEvent) throws
    /// The peer has opened the link.
    func onLinkRemoteOpen(_ event: LinkEvent) throws
    /// This side has closed the link.
    func onLinkLocalClose(_ event: LinkEvent) throws
    /// The peer has closed the link.
    func onLinkRemoteClose(_ event: LinkEvent) throws
    /// This side has detached the link without closing it.
    func onLinkLocalDetach(_ event: LinkEvent) throws
    /// The peer has detached the link without closing it.
    func onLinkRemoteDetach(_ event: LinkEvent) throws
    /// The link's credit, or its drain, has changed.
    func onLinkFlow(_ event: LinkEvent) throws
    /// The link is about to be freed: both sides have closed or detached it, or its connection has ended, or was made again
    /// without it.
    func onLinkFinal(_ event: LinkEvent) throws

    /// A message, a part of a message, or a disposition has arrived.
    func onDelivery(_ event: DeliveryEvent) throws

    /// The transport has bytes to write, or its state has changed.
    func onTransport(_ event: TransportEvent) throws
    /// SASL has ended, or was not used.
    func onTransportAuthenticated(_ event: TransportEvent) throws
    /// The transport has failed: see `event.error`.
    func onTransportError(_ event: TransportEvent) throws
    /// Nothing more will be written.
    func onTransportHeadClosed(_ event: TransportEvent) throws
    /// Nothing more will be read.
    func onTransportTailClosed(_ event: TransportEvent) throws
    /// The transport is closed in both directions.
    func onTransportClosed(_ event: TransportEvent) throws
}

extension ProtonHandler {
    public var handlers: [any ProtonHandler] { [] }
    public var adapters: HandlerAdapters { HandlerAdapters() }

    public func onReactorInit(_ event: ContainerEvent) throws {}
    public func onReactorFinal(_ event: ContainerEvent) throws {}
    public func onTimerTask(_ event: TimerEvent) throws {}
    public func onApplicationEvent(_ event: ApplicationEvent) throws {}
    public func onConnectionInit(_ event: ConnectionEvent) throws {}
    public func onConnectionBound(_ event: ConnectionEvent) throws {}
    public func onConnectionUnbound(_ event: ConnectionEvent) throws {}
    public func onConnectionLocalOpen(_ event: ConnectionEvent) throws {}
    public func onConnectionRemoteOpen(_ event: ConnectionEvent) throws {}
    public func onConnectionLocalClose(_ event: ConnectionEvent) throws {}
    public func onConnectionRemoteClose(_ event: ConnectionEvent) throws {}
    public func onConnectionFinal(_ event: ConnectionEvent) throws {}
    public func onSessionInit(_ event: SessionEvent) throws {}
    public func onSessionLocalOpen(_ event: SessionEvent) throws {}
    public func onSessionRemoteOpen(_ event: SessionEvent) throws {}
    public func onSessionLocalClose(_ event: SessionEvent) throws {}
    public func onSessionRemoteClose(_ event: SessionEvent) throws {}
    public func onSessionFinal(_ event: SessionEvent) throws {}
    public func onLinkInit(_ event: LinkEvent) throws {}
    public func onLinkLocalOpen(_ event: LinkEvent) throws {}
    public func onLinkRemoteOpen(_ event: LinkEvent) throws {}
    public func onLinkLocalClose(_ event: LinkEvent) throws {}
    public func onLinkRemoteClose(_ event: LinkEvent) throws {}
    public func onLinkLocalDetach(_ event: LinkEvent) throws {}
    public func onLinkRemoteDetach(_ event: LinkEvent) throws {}
    public func onLinkFlow(_ event: LinkEvent) throws {}
    public func onLinkFinal(_ event: LinkEvent) throws {}
    public func onDelivery(_ event: DeliveryEvent) throws {}
    public func onTransport(_ event: TransportEvent) throws {}
    public func onTransportAuthenticated(_ event: TransportEvent) throws {}
    public func onTransportError(_ event: TransportEvent) throws {}
    public func onTransportHeadClosed(_ event: TransportEvent) throws {}
    public func onTransportTailClosed(_ event: TransportEvent) throws {}
    public func onTransportClosed(_ event: TransportEvent) throws {}
}

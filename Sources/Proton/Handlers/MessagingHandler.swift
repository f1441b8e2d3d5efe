// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// A program's callbacks for connections, links, messages and their outcomes.
///
/// For each event of the engine the callback of `ProtonHandler` is made first. Then flow control and the adapters for endpoints,
/// incoming and outgoing messages follow, which make the callbacks of this protocol; then `handlers`. Every callback has a
/// default. The defaults for errors log and close if a peer opened the connection; if this program opened it, they throw, which
/// ends `run()`: implement them to continue.
///
/// Classes that have subclasses derive from `MessagingHandlerBase`: a callback that only a subclass of a conforming class
/// implements is never called.
public protocol MessagingHandler: ProtonHandler {
    /// What the library does for the handler; read once, when the handler is first used.
    var options: HandlerOptions { get }

    /// The loop starts: the place to connect, to listen and to create links.
    func onStart(_ event: ContainerEvent) throws

    /// The peer opens a connection; it is opened here too unless the callback does so, or closes it.
    func onConnectionOpening(_ event: ConnectionEvent) throws
    /// The peer begins a session; it is opened here too unless the callback does so, or closes it.
    func onSessionOpening(_ event: SessionEvent) throws
    /// The peer attaches a link; it is opened here too, with the peer's source and target, unless the callback does so.
    ///
    /// Close the link with a condition to refuse it.
    func onLinkOpening(_ event: LinkEvent) throws

    /// Both sides have opened the connection.
    func onConnectionOpened(_ event: ConnectionEvent) throws
    /// Both sides have opened the session.
    func onSessionOpened(_ event: SessionEvent) throws
    /// Both sides have opened the link.
    func onLinkOpened(_ event: LinkEvent) throws

    /// The peer closes the connection; it is closed here too afterwards.
    func onConnectionClosing(_ event: ConnectionEvent) throws
    /// The peer ends the session; it is closed here too afterwards.
    func onSessionClosing(_ event: SessionEvent) throws
    /// The peer closes the link; it is closed here too afterwards.
    func onLinkClosing(_ event: LinkEvent) throws

    /// The peer has confirmed that the connection, closed here, is closed.
    func onConnectionClosed(_ event: ConnectionEvent) throws
    /// The peer has confirmed that the session, closed here, is closed.
    func onSessionClosed(_ event: SessionEvent) throws
    /// The peer has confirmed that the link, closed here, is closed.
    func onLinkClosed(_ event: LinkEvent) throws

    /// The peer closed the connection with an error condition, `event.connection.remoteCondition`.
    ///
    /// If that is nil, this side closed it since the peer exceeded a limit, with `event.connection.condition`.
    func onConnectionError(_ event: ConnectionEvent) throws
    /// The peer ended the session with an error condition, `event.session.remoteCondition`.
    func onSessionError(_ event: SessionEvent) throws
    /// The peer closed the link with an error condition, `event.link.remoteCondition`.
    ///
    /// If that is nil, this side closed it since the peer exceeded a limit, such as the maximum message size, with
    /// `event.link.condition`.
    ///
    /// A message that was too large is then rejected; it is not delivered again if the link is attached again.
    func onLinkError(_ event: LinkEvent) throws

    /// The peer has detached the link without closing it, with `event.link.remoteCondition` if it gave a reason.
    ///
    /// The link is detached here too afterwards, unless the callback closes it.
    ///
    /// This is also called for the peer's answer to `link.detach()`. The default calls `onLinkError` if there is a condition, or
    /// if `HandlerOptions.treatsPeerCloseAsError` is set and the peer detached first; otherwise it does nothing. See
    /// `Link.detach()` for how to attach again.
    func onLinkDetached(_ event: LinkEvent) throws

    /// The transport was lost while the connection was open; called once per loss.
    ///
    /// The connection is made again, according to `ConnectionOptions.reconnect`, with the sessions and links that are open here,
    /// unless the callback closes it. Messages whose outcome has not arrived are in doubt.
    func onDisconnected(_ event: TransportEvent) throws
    /// The connection was lost, or never made, and is not made again.
    ///
    /// The attempts of `ConnectionOptions.reconnect` have failed, or the peer refused the authentication.
    func onReconnectFailed(_ event: TransportEvent) throws

    /// A sender has credit: messages can be sent, as many as `event.sender.credit`.
    func onSendable(_ event: SenderEvent) throws
    /// The receiver drains: it wants the messages that can be sent now, and the unused credit. Called after `onSendable`, once a
    /// drain.
    ///
    /// Send more messages here; the unused credit is returned when all handlers have received the event. A program that returns
    /// it later sets `HandlerOptions.answersDrains` to false, and then calls `event.sender.drained()`.
    func onSenderDrainStart(_ event: SenderEvent) throws
    /// A drain that `Receiver.drain` began has ended: the peer has used or returned its credit.
    ///
    /// Credit is topped up afterwards, unless `HandlerOptions.prefetch` is 0 or the callback drains again.
    func onReceiverDrainFinish(_ event: ReceiverEvent) throws
    /// The peer has accepted a message; called once, also if it settles later.
    func onAccepted(_ event: DeliveryEvent) throws
    /// The peer has rejected a message.
    func onRejected(_ event: DeliveryEvent) throws
    /// The peer has released or modified a message, see `event.delivery.remoteState`: it can be sent again.
    func onReleased(_ event: DeliveryEvent) throws
    /// A disposition has arrived that is none of these outcomes: `event.delivery.remoteState`.
    ///
    /// It tells how much of a message has arrived, or belongs to a transaction. It is nil for a state that proton 0.37 does not
    /// pass on: one whose descriptor is a symbol.
    ///
    /// For a received message: any disposition of its sender that does not settle it.
    func onDeliveryUpdated(_ event: DeliveryEvent) throws
    /// The peer has settled a message that was sent or received here.
    ///
    /// If the peer settles a sent message without an outcome, the message is in doubt (`event.delivery.isInDoubt`), and may have
    /// been dropped: `onAccepted`, `onRejected` and `onReleased` are not called for it.
    func onSettled(_ event: DeliveryEvent) throws

    /// A message has arrived. Throw `Delivery.Reject` or `Delivery.Release` to settle it with that outcome.
    func onMessage(_ event: MessageEvent) throws
    /// An invalid message has arrived: not valid AMQP, or beyond `ConnectionLimits.decoding`. `onMessage` is not called.
    ///
    /// The default rejects it with `amqp:decode-error`, and logs a warning. Implement it to examine the bytes, or to settle with
    /// another outcome. If the delivery then has none, it is rejected too, unless `HandlerOptions.autoAccepts` is false, which
    /// leaves that to the program. Throw `Delivery.Reject` or `Delivery.Release` as in `onMessage`.
    func onInvalidMessage(_ event: InvalidMessageEvent) throws
    /// The peer has aborted a message before it was complete; it is settled here afterwards.
    func onAborted(_ event: DeliveryEvent) throws
}

extension MessagingHandler {
    public var options: HandlerOptions { HandlerOptions() }
    public var adapters: HandlerAdapters { HandlerAdapters(self) }

    public func onStart(_ event: ContainerEvent) throws {}
    public func onConnectionOpening(_ event: ConnectionEvent) throws {}
    public func onSessionOpening(_ event: SessionEvent) throws {}
    public func onLinkOpening(_ event: LinkEvent) throws {}
    public func onConnectionOpened(_ event: ConnectionEvent) throws {}
    public func onSessionOpened(_ event: SessionEvent) throws {}
    public func onLinkOpened(_ event: LinkEvent) throws {}
    public func onConnectionClosing(_ event: ConnectionEvent) throws {}
    public func onSessionClosing(_ event: SessionEvent) throws {}
    public func onLinkClosing(_ event: LinkEvent) throws {}
    public func onConnectionClosed(_ event: ConnectionEvent) throws {}
    public func onSessionClosed(_ event: SessionEvent) throws {}
    public func onLinkClosed(_ event: LinkEvent) throws {}
    public func onSenderDrainStart(_ event: SenderEvent) throws {}
    public func onReceiverDrainFinish(_ event: ReceiverEvent) throws {}
    public func onDeliveryUpdated(_ event: DeliveryEvent) throws {}
    public func onDisconnected(_ event: TransportEvent) throws {}
    public func onSendable(_ event: SenderEvent) throws {}
    public func onAccepted(_ event: DeliveryEvent) throws {}
    public func onRejected(_ event: DeliveryEvent) throws {}
    public func onReleased(_ event: DeliveryEvent) throws {}
    public func onSettled(_ event: DeliveryEvent) throws {}
    public func onMessage(_ event: MessageEvent) throws {}
    public func onAborted(_ event: DeliveryEvent) throws {}

    public func onConnectionError(_ event: ConnectionEvent) throws {
        try event.failUnhandled()
    }

    public func onSessionError(_ event: SessionEvent) throws {
        try event.failUnhandled()
    }

    public func onLinkDetached(_ event: LinkEvent) throws {
        if event.isError(options) { try onLinkError(event) }
    }

    public func onLinkError(_ event: LinkEvent) throws {
        try event.failUnhandled()
    }

    public func onReconnectFailed(_ event: TransportEvent) throws {
        try event.failUnhandledEndOfTries()
    }

    public func onTransportError(_ event: TransportEvent) throws {
        try event.failUnhandledLoss()
    }
}

extension LinkEvent {
    /// Whether a detach without a close is an error for a handler with these options.
    func isError(_ options: HandlerOptions) -> Bool {
        link.remoteCondition != nil
            || options.treatsPeerCloseAsError && link.isLocalOpen && connection.isLocalOpen
    }
}

extension MessagingHandler {
    /// Accepts a message and settles it.
    public func accept(_ delivery: Delivery) { delivery.accept() }

    /// Rejects a message that cannot be processed, and settles it.
    public func reject(_ delivery: Delivery, _ condition: Condition? = nil) { delivery.reject(condition) }

    /// Releases a message, and settles it.
    /// - Parameters:
    ///   - delivery: the message's delivery.
    ///   - delivered: whether this counts as a failed delivery (modified), or not (released).
    public func release(_ delivery: Delivery, delivered: Bool = true) { delivery.release(delivered: delivered) }

    /// Settles a message, with an outcome if one is given.
    public func settle(_ delivery: Delivery, _ state: DeliveryState? = nil) {
        if let state { delivery.settle(state) } else { delivery.settle() }
    }
}

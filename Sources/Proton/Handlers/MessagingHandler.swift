// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// What a program does about connections, links, messages and their outcomes.
///
/// For each event of the engine the callback of `ProtonHandler` is made first, then flow control, the state of endpoints,
/// incoming and outgoing messages have their turn, which make the callbacks of this protocol; then `handlers`.
/// Every callback has a default. Those of errors log and close on a connection that a peer opened, and throw, which
/// ends `run()`, on one that this program opened: implement them to go on.
///
/// Classes that have subclasses derive from `MessagingHandlerBase`: a callback that only a subclass of a conforming class
/// has is never called.
public protocol MessagingHandler: ProtonHandler {
    /// What is left to the library; asked for once, when the handler is put to use.
    var options: HandlerOptions { get }

    /// The loop starts: the place to connect, to listen and to make links.
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

    /// The peer closed the connection with an error condition, `event.connection.remoteCondition`; or, where that is nil,
    /// this side closed it since the peer passed a limit, with `event.connection.condition`.
    func onConnectionError(_ event: ConnectionEvent) throws
    /// The peer ended the session with an error condition, `event.session.remoteCondition`.
    func onSessionError(_ event: SessionEvent) throws
    /// The peer closed the link with an error condition, `event.link.remoteCondition`; or, where that is nil, this side
    /// closed it since the peer passed a limit, such as that of a message's size, with `event.link.condition`.
    ///
    /// A message that was too large is rejected then; it does not come again where the link is attached again.
    func onLinkError(_ event: LinkEvent) throws

    /// The peer has detached the link without closing it, with `event.link.remoteCondition` where it gave a reason; it
    /// is detached here too afterwards, unless the callback closes it.
    ///
    /// It is called for the peer's answer to `link.detach()` too. Default: what `onLinkError` does where there is a
    /// condition, and with `HandlerOptions.treatsPeerCloseAsError` where the peer was first; otherwise nothing. See
    /// `Link.detach()` for how to attach again.
    func onLinkDetached(_ event: LinkEvent) throws

    /// The transport went away while the connection was open; called once a drop.
    ///
    /// The connection is made again, by `ConnectionOptions.reconnect`, with the sessions and links that are open here,
    /// unless the callback closes it. Messages whose outcome had not come are in doubt.
    func onDisconnected(_ event: TransportEvent) throws
    /// The connection was lost, or never made, and is not tried again: the tries of `ConnectionOptions.reconnect` are
    /// used up, or the peer refused the log-in.
    func onReconnectFailed(_ event: TransportEvent) throws

    /// A sender has credit: messages can be sent, as many as `event.sender.credit`.
    func onSendable(_ event: SenderEvent) throws
    /// The receiver wants what can be sent now, and the credit back that is left: called after `onSendable`, once a drain.
    ///
    /// Send some more here; the credit that is left is given back when all handlers have been told. A program that
    /// wants to give it back later says so by `HandlerOptions.answersDrains`, and calls `event.sender.drained()` then.
    func onSenderDrainStart(_ event: SenderEvent) throws
    /// A drain that `Receiver.drain` began is over: all messages have come that the peer had credit for and could send.
    ///
    /// Credit is topped up again afterwards, unless `HandlerOptions.prefetch` is 0 or the callback drains again.
    func onReceiverDrainFinish(_ event: ReceiverEvent) throws
    /// The peer has accepted a message; called once, even where it settles later.
    func onAccepted(_ event: DeliveryEvent) throws
    /// The peer has rejected a message.
    func onRejected(_ event: DeliveryEvent) throws
    /// The peer has released a message, or modified it: it can be sent again. `event.delivery.remoteState` tells which.
    func onReleased(_ event: DeliveryEvent) throws
    /// The peer has said something of a message that is none of these outcomes, in `event.delivery.remoteState`: how much
    /// of it has come, or something about a transaction. Nil there is a state that proton 0.37 does not hand on: one whose
    /// descriptor is a symbol.
    ///
    /// Of a message that came in: anything that its sender said without settling.
    func onDeliveryUpdated(_ event: DeliveryEvent) throws
    /// The peer has settled a message that was sent or received here.
    ///
    /// A message that was sent and that the peer settles without an outcome is in doubt (`event.delivery.isInDoubt`), and
    /// may have been dropped: `onAccepted` and the like are not called for it.
    func onSettled(_ event: DeliveryEvent) throws

    /// A message has come. Throw `Delivery.Reject` or `Delivery.Release` to give it that outcome.
    func onMessage(_ event: MessageEvent) throws
    /// What has come as a message is no valid AMQP, or is beyond `ConnectionLimits.decoding`; `onMessage` is not called.
    ///
    /// Default: it is rejected with `amqp:decode-error`, and a warning is logged. Implement it to look at the bytes, or to
    /// give the delivery another outcome; what has none afterwards is rejected too, unless `HandlerOptions.autoAccepts` is
    /// false: then that is left to the program. Throw `Delivery.Reject` or `Delivery.Release` as in `onMessage`.
    func onInvalidMessage(_ event: InvalidMessageEvent) throws
    /// The peer has given up a message before it was complete; it is settled here afterwards.
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
    /// Whether a detach without a close is an error to a handler with these options.
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

    /// Gives a message back to its source, and settles it.
    /// - Parameters:
    ///   - delivery: the message.
    ///   - delivered: whether this counts as a try to deliver it (modified), or not (released).
    public func release(_ delivery: Delivery, delivered: Bool = true) { delivery.release(delivered: delivered) }

    /// Settles a message, with an outcome where one is given.
    public func settle(_ delivery: Delivery, _ state: DeliveryState? = nil) {
        if let state { delivery.settle(state) } else { delivery.settle() }
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// The protocol of all events: each has the container that runs the loop.
public protocol ProtonEvent {
    /// The container whose loop the event comes from.
    var container: Container { get }
}

/// An event of a container, such as `onStart`.
public struct ContainerEvent: ProtonEvent {
    /// The container.
    public let container: Container
}

/// An event of a timer that `Container.schedule` set.
public struct TimerEvent: ProtonEvent {
    /// The container.
    public let container: Container
    /// The timer that has fired.
    public let timer: TimerTask
}

/// The protocol of the events of a connection and its endpoints.
public protocol EndpointEvent: ProtonEvent {
    /// The connection of the event.
    var connection: Connection { get }
}

extension EndpointEvent {
    /// The container that the connection belongs to.
    public var container: Container { connection.container }
    /// The transport of the connection; nil if it has none.
    public var transport: Transport? { connection.transport }
}

/// An event of a connection.
public struct ConnectionEvent: EndpointEvent {
    /// The connection.
    public let connection: Connection
}

/// An event of a connection's transport.
public struct TransportEvent: EndpointEvent {
    /// The connection over the transport.
    public let connection: Connection
    /// The error of the transport: always set in `onTransportError`, in other callbacks if there was an error. Nil after the
    /// callback.
    public var error: ProtonError? { connection.transportError }
}

/// An event of a session.
public struct SessionEvent: EndpointEvent {
    /// The session.
    public let session: Session
    /// The session's connection.
    public var connection: Connection { session.connection }
}

/// An event of a link.
public struct LinkEvent: EndpointEvent {
    /// The link.
    public let link: Link
    /// The link's session.
    public var session: Session { link.session }
    /// The link's connection.
    public var connection: Connection { link.connection }
    /// The link, if it is a sender.
    public var sender: Sender? { link as? Sender }
    /// The link, if it is a receiver.
    public var receiver: Receiver? { link as? Receiver }
}

/// An event of a sender.
public struct SenderEvent: EndpointEvent {
    /// The sender.
    public let sender: Sender
    /// The sender, as a link.
    public var link: Link { sender }
    /// The sender's session.
    public var session: Session { sender.session }
    /// The sender's connection.
    public var connection: Connection { sender.connection }
}

/// An event of a receiver.
public struct ReceiverEvent: EndpointEvent {
    /// The receiver.
    public let receiver: Receiver
    /// The receiver, as a link.
    public var link: Link { receiver }
    /// The receiver's session.
    public var session: Session { receiver.session }
    /// The receiver's connection.
    public var connection: Connection { receiver.connection }
}

/// An event of a delivery.
public struct DeliveryEvent: EndpointEvent {
    /// The delivery.
    public let delivery: Delivery
    /// The delivery's link.
    public var link: Link { delivery.link }
    /// The delivery's session.
    public var session: Session { delivery.link.session }
    /// The delivery's connection.
    public var connection: Connection { delivery.connection }
    /// The delivery's link, if it is a sender.
    public var sender: Sender? { delivery.link as? Sender }
    /// The delivery's link, if it is a receiver.
    public var receiver: Receiver? { delivery.link as? Receiver }
}

/// An event of a received message.
public struct MessageEvent: EndpointEvent {
    /// The message.
    public let message: Message
    /// The message's delivery, which is settled with an outcome.
    public let delivery: Delivery
    /// The receiver of the message.
    public var receiver: Receiver {
        // Only the handler of incoming messages creates this event, for links that are receivers.
        guard let receiver = link as? Receiver else { preconditionFailure("Messages come on receivers only.") }
        return receiver
    }
    /// The receiver, as a link.
    public var link: Link { delivery.link }
    /// The receiver's session.
    public var session: Session { link.session }
    /// The receiver's connection.
    public var connection: Connection { link.connection }
}

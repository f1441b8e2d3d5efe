// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

/// An event of the program's own, which a thread hands to a container by an `EventInjector`.
///
/// It is made in a callback, or wherever the program has what the event is about, may then go to any thread, and comes
/// back to `onApplicationEvent` in the domain of its connection. It names what it is about without giving access to it
/// from elsewhere: in another thread nothing can be done with its `link` or its `delivery`, which stops the program as
/// every use of a connection outside of its domain does.
///
/// `@unchecked Sendable`: `subject` is `Sendable`; the endpoint and the container are only passed on, and check
/// themselves that they are used in their domain.
public struct ApplicationEvent: ProtonEvent, @unchecked Sendable {
    /// What has happened, in the program's own words. Python calls the method `on_NAME`; here a `switch` takes its place.
    public let name: String
    /// What the event brings with it, for the handler.
    public var subject: (any Sendable)?

    private enum Topic {
        case container
        case connection(Connection)
        case session(Session)
        case link(Link)
        case delivery(Delivery)
    }

    private let topic: Topic
    private var teller: Container?

    /// Creates an event.
    /// - Parameters:
    ///   - name: what has happened.
    ///   - connection: the connection that it is about; nil, with the three that follow, is the container.
    ///   - session: the session that it is about, which names the connection too.
    ///   - link: the link that it is about, which names the session too.
    ///   - delivery: the delivery that it is about, which names the link too.
    ///   - subject: what else it brings.
    public init(
        _ name: String, connection: Connection? = nil, session: Session? = nil, link: Link? = nil,
        delivery: Delivery? = nil, subject: (any Sendable)? = nil
    ) {
        self.name = name
        self.subject = subject
        topic =
            if let delivery {
                .delivery(delivery)
            } else if let link {
                .link(link)
            } else if let session {
                .session(session)
            } else if let connection {
                .connection(connection)
            } else {
                .container
            }
    }

    /// The delivery that the event is about. Once it is settled, or its link is over, nothing done with it has an effect.
    public var delivery: Delivery? {
        if case .delivery(let delivery) = topic { delivery } else { nil }
    }

    /// The link that the event is about, or that its delivery is of.
    public var link: Link? {
        if case .link(let link) = topic { link } else { delivery?.link }
    }

    /// The link, where it is a sender.
    public var sender: Sender? { link as? Sender }

    /// The link, where it is a receiver.
    public var receiver: Receiver? { link as? Receiver }

    /// The session that the event is about, or that its link is on.
    public var session: Session? {
        if case .session(let session) = topic { session } else { link?.session }
    }

    /// The connection that the event is about, or that its session is on.
    public var connection: Connection? {
        if case .connection(let connection) = topic { connection } else { session?.connection }
    }

    /// The container that tells of the event: to be asked for in `onApplicationEvent` only.
    public var container: Container {
        guard let teller else {
            preconditionFailure("An ApplicationEvent has a container once it comes to onApplicationEvent.")
        }
        return teller
    }

    /// Hands the event to the nearest handler of what it is about, in the domain of that.
    func dispatch(in container: Container) throws {
        var event = self
        event.teller = container
        let handler: any EventHandler =
            switch topic {
            case .container: container.pipeline
            case .connection(let connection): connection.eventHandler
            case .session(let session): session.nearestHandler
            case .link(let link): link.nearestHandler
            case .delivery(let delivery): delivery.link.nearestHandler
            }
        // That of a connection which is over is none of a program's.
        try (handler as? HandlerPipeline)?.handle(event)
    }
}

// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import ProtonEngine

/// An event of the program, which a thread passes to a container through an `EventInjector`.
///
/// The program creates it in a callback, or where it has the event's subject. The event may then go to any thread, and is
/// delivered to `onApplicationEvent` in the domain of its connection. Other threads must not use its `link` or its `delivery`:
/// that stops the process, as every use of a connection outside of its domain does.
///
/// `@unchecked Sendable`: `subject` is `Sendable`; the endpoint and the container are only passed on, and check themselves that
/// they are used in their domain.
public struct ApplicationEvent: ProtonEvent, @unchecked Sendable {
    /// The name of the event, chosen by the program. Python calls the method `on_NAME`; here a `switch` takes its place.
    public let name: String
    /// A value for the handler.
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
    ///   - name: the name of the event.
    ///   - connection: the event's connection; if this and the three that follow are nil, the event concerns the container.
    ///   - session: the event's session, which determines the connection too.
    ///   - link: the event's link, which determines the session too.
    ///   - delivery: the event's delivery, which determines the link too.
    ///   - subject: a value for the handler.
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

    /// The event's delivery. When it is settled, or its link has ended, operations on it have no effect.
    public var delivery: Delivery? {
        if case .delivery(let delivery) = topic { delivery } else { nil }
    }

    /// The event's link, or the link of its delivery.
    public var link: Link? {
        if case .link(let link) = topic { link } else { delivery?.link }
    }

    /// The link, if it is a sender.
    public var sender: Sender? { link as? Sender }

    /// The link, if it is a receiver.
    public var receiver: Receiver? { link as? Receiver }

    /// The event's session, or the session of its link.
    public var session: Session? {
        if case .session(let session) = topic { session } else { link?.session }
    }

    /// The event's connection, or the connection of its session.
    public var connection: Connection? {
        if case .connection(let connection) = topic { connection } else { session?.connection }
    }

    /// The container that delivers the event: available in `onApplicationEvent` only.
    public var container: Container {
        guard let teller else {
            preconditionFailure("An ApplicationEvent has a container once it comes to onApplicationEvent.")
        }
        return teller
    }

    /// Delivers the event to the nearest handler of its endpoint, in that endpoint's domain.
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
        // A connection that has ended has no handler of the program.
        try (handler as? HandlerPipeline)?.handle(event)
    }
}
